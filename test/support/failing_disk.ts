import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** An ext4 file system on a block device that can be made to fail, and to come right again. */
export interface FailingDisk {
  /** Where it is mounted. */
  readonly directory: string;
  /**
   * From now on the device takes no block that it has not taken before. write(2) still succeeds: what is lost is told by the
   * next fsync of each open file, once, and read back as zeros when it is out of the page cache.
   */
  fail(): void;
  /** The device takes everything again. What it has lost stays lost. */
  heal(): void;
  /** Puts what is dirty onto the device and forgets all that is clean: what is read then comes from the device. */
  forget(): void;
  /** From now on whatever is not in the page cache cannot be read (EIO), and the cache is empty. */
  failReads(): void;
  remove(): void;
}

/**
 * Makes one: a loop device over a sparse file of a tmpfs. Fails as real devices do, through the kernel's write-back, once the
 * tmpfs is full. Needs root. `room_bytes` is how much it can hold while it is well.
 */
export function createFailingDisk(room_bytes = 192 << 20): FailingDisk {
  const base = mkdtempSync(join(tmpdir(), 'edgetap-failing-'));
  const [backing, directory] = [join(base, 'backing'), join(base, 'disk')];
  const [image, filler] = [join(backing, 'image'), join(backing, 'filler')];
  mkdirSync(backing);
  mkdirSync(directory);
  run('mount', '-t', 'tmpfs', '-o', `size=${room_bytes}`, 'edgetap-test', backing);
  try {
    run('truncate', '-s', String(room_bytes), image);
    // Without a journal: with one a failing device makes the file system read-only, which is another fault.
    run('mkfs.ext4', '-q', '-F', '-O', '^has_journal', '-E', 'nodiscard', image);
    run('mount', '-o', 'loop,errors=continue', image, directory);
  } catch (error) {
    run('umount', '--lazy', backing);
    throw error;
  }
  return {
    directory,
    fail: () => fillUp(filler),
    heal: () => rmSync(filler, { force: true }),
    forget: () => {
      // It says once more what the file system has lost before.
      spawnSync('sync', ['--file-system', directory]);
      writeFileSync('/proc/sys/vm/drop_caches', '1');
    },
    failReads: () => {
      spawnSync('sync', ['--file-system', directory]);
      // What lies behind the end of its file a loop device cannot read.
      truncateSync(image, 0);
      writeFileSync('/proc/sys/vm/drop_caches', '1');
    },
    remove: () => {
      rmSync(filler, { force: true });
      run('umount', '--lazy', directory);
      run('umount', '--lazy', backing);
      for (const path of [directory, backing, base]) rmdirSync(path);
    },
  };
}

function run(command: string, ...args: readonly string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Writes until there is no room, to the last page. */
function fillUp(path: string): void {
  const file = openSync(path, 'w');
  try {
    const piece = new Uint8Array(1 << 20);
    for (let length = piece.length; length >= 4096; ) {
      try {
        writeSync(file, piece, 0, length);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
        length = Math.floor(length / 2);
      }
    }
  } finally {
    closeSync(file);
  }
}
