import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

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

/** A block of the file system, a page of the tmpfs and a request to the device are all of this length. */
const block_bytes = 4096;

/**
 * Makes one: a loop device over a sparse file of a tmpfs. Fails as real devices do, through the kernel's write-back, once the
 * tmpfs is full. Needs root. `room_bytes` is how much it can hold while it is well.
 *
 * The device gets every block in a request of its own. Of a longer request that begins in a block that it has taken before, as
 * the first one does whose file grows within its last block, a full tmpfs takes the beginning; and the loop driver, since Linux
 * 6.15, says of such a short write that all of it succeeded: fsync then confirms what was lost.
 */
export function createFailingDisk(room_bytes = 192 << 20): FailingDisk {
  const base = mkdtempSync(join(tmpdir(), 'edgetap-failing-'));
  const [backing, directory] = [join(base, 'backing'), join(base, 'disk')];
  const [image, filler] = [join(backing, 'image'), join(backing, 'filler')];
  mkdirSync(backing);
  mkdirSync(directory);
  run('mount', '-t', 'tmpfs', '-o', `size=${room_bytes}`, 'edgetap-test', backing);
  let limit: RequestLimit;
  try {
    run('truncate', '-s', String(room_bytes), image);
    // Without a journal: with one a failing device makes the file system read-only, which is another fault.
    run('mkfs.ext4', '-q', '-F', '-b', String(block_bytes), '-O', '^has_journal', '-E', 'nodiscard', image);
    run('mount', '-o', 'loop,errors=continue', image, directory);
    limit = limitRequests(image);
  } catch (error) {
    spawnSync('umount', ['--lazy', directory]);
    run('umount', '--lazy', backing);
    throw error;
  }
  return {
    directory,
    fail: () => fillUp(filler),
    heal: () => empty(filler),
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
      empty(filler);
      limit.lift();
      run('umount', '--lazy', directory);
      run('umount', '--lazy', backing);
      for (const path of [directory, backing, base]) rmdirSync(path);
    },
  };
}

interface RequestLimit {
  /** The next user of the device finds it as it was: what was set would stay. */
  lift(): void;
}

/** Has the loop device of a file take no request of more than one block. */
function limitRequests(image: string): RequestLimit {
  const device = run('losetup', '--associated', image, '--noheadings', '--output', 'NAME').trim();
  const path = join('/sys/block', basename(device), 'queue/max_sectors_kb');
  const before = readFileSync(path, 'utf8');
  writeFileSync(path, String(block_bytes / 1024));
  return { lift: () => writeFileSync(path, before) };
}

function run(command: string, ...args: readonly string[]): string {
  return execFileSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
}

/** Gives back its room at once: a file that is only removed has it for as long as who drops the caches, for any test, looks at it. */
function empty(path: string): void {
  if (existsSync(path)) truncateSync(path);
  rmSync(path, { force: true });
}

/** Writes until there is no room, to the last page. */
function fillUp(path: string): void {
  const file = openSync(path, 'w');
  try {
    const piece = new Uint8Array(1 << 20);
    for (let length = piece.length; length >= block_bytes; ) {
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
