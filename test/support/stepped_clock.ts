import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A wall clock that the processes of a test see, and no other: it can be set while they run. */
export interface SteppedClock {
  /** What starts a process under it: libfaketime, which stands between the process and clock_gettime(2). */
  readonly env: Readonly<Record<string, string>>;
  /** By how many seconds it is ahead of the machine's own. */
  readonly ahead_s: number;
  /** Sets it: from now on it is so many seconds ahead of the machine's own. */
  set(ahead_s: number): void;
  remove(): void;
}

/**
 * Makes such a clock. CLOCK_MONOTONIC and CLOCK_BOOTTIME stay as they are, as they do where a real clock is set. Packets are stamped
 * by the kernel, whose clock nobody touches.
 */
export function steppedClock(): SteppedClock {
  const directory = mkdtempSync(join(tmpdir(), 'edgetap-clock-'));
  const path = join(directory, 'clock');
  let ahead_s = 0;
  const set = (seconds: number): void => {
    ahead_s = seconds;
    // Renamed into place: whoever reads the clock reads a whole one.
    writeFileSync(`${path}.new`, `${seconds < 0 ? '' : '+'}${seconds}\n`);
    renameSync(`${path}.new`, path);
  };
  set(0);
  return {
    env: {
      LD_PRELOAD: libraryPath(),
      FAKETIME_TIMESTAMP_FILE: path,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      // Files keep the times that the file system gives them.
      NO_FAKE_STAT: '1',
    },
    get ahead_s() {
      return ahead_s;
    },
    set,
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Debian puts it into a directory of the machine's own kind. */
function libraryPath(): string {
  const found = readdirSync('/usr/lib')
    .map((name) => join('/usr/lib', name, 'faketime', 'libfaketimeMT.so.1'))
    .find((path) => existsSync(path));
  if (found === undefined) throw new Error('libfaketime is not installed: "node tools/setup.mjs test" installs it');
  return found;
}
