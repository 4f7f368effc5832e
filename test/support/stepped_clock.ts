import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A wall clock that the processes of a test see, and no other: it can be set while they run. */
export interface SteppedClock {
  /** What starts a process under it: a library that stands between the process and clock_gettime(2). */
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
  const [library, shared] = [join(directory, 'stepped_clock.so'), join(directory, 'ahead_ns')];
  execFileSync('tcc', ['-shared', '-o', library, join(import.meta.dirname, 'stepped_clock.c')]);
  const file = openSync(shared, 'w');
  let ahead_s = 0;
  const set = (seconds: number): void => {
    ahead_s = seconds;
    // The processes have mapped it: they see all eight bytes change at once.
    writeSync(file, new Uint8Array(BigInt64Array.of(BigInt(seconds) * 1_000_000_000n).buffer), 0, 8, 0);
  };
  set(0);
  return {
    env: { LD_PRELOAD: library, EDGETAP_TEST_CLOCK: shared },
    get ahead_s() {
      return ahead_s;
    },
    set,
    remove: () => {
      closeSync(file);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
