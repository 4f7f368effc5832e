import { setTimeout as delay } from 'node:timers/promises';
import type { TimeNs } from '../model/time.ts';

/** Time and waiting as a process's loops see them. */
interface WallClock {
  /** The host's clock, to the microsecond; it follows when that is set. */
  readonly now: () => TimeNs;
  /** CLOCK_MONOTONIC, in nanoseconds. */
  readonly monotonic: () => bigint;
  /** Resolves after so many milliseconds, or early when the signal fires. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

const drift_ns = 2_000_000n;
/** So often one after the other the clocks must be apart to be so. */
const set_tries = 3;

/** Makes a clock of a coarse wall clock, in milliseconds, and a fine monotonic one, in nanoseconds. */
export function createWallClock(wall_ms: () => number, monotonic_ns: () => bigint): WallClock {
  let ahead_ns: bigint | undefined;
  const read = (): Readonly<Record<'coarse' | 'fine', bigint>> => ({
    coarse: BigInt(wall_ms()) * 1_000_000n,
    fine: monotonic_ns(),
  });
  /** Within the coarse clock's own millisecond the fine one is right; else the host's clock was set, or slewed. */
  const isOff = ({ coarse, fine }: ReturnType<typeof read>, ahead: bigint): boolean => {
    const off = fine + ahead - coarse;
    return off < -drift_ns || off > drift_ns;
  };
  return {
    now: () => {
      let at = read();
      const known = ahead_ns;
      if (known !== undefined) {
        // The thread may have lost the processor between the one and the other.
        for (let tries = 1; tries < set_tries && isOff(at, known); tries += 1) at = read();
      }
      if (known === undefined || isOff(at, known)) ahead_ns = at.coarse - at.fine;
      return ((at.fine + (ahead_ns ?? 0n)) / 1000n) * 1000n;
    },
    monotonic: monotonic_ns,
    sleep: async (ms, signal) => {
      try {
        await delay(ms, undefined, { signal });
      } catch (error) {
        // Woken early: the caller looks at the signal.
        if (!signal.aborted) throw error;
      }
    },
  };
}

/** This host's clock. */
export const wallClock: WallClock = createWallClock(
  () => Date.now(),
  () => process.hrtime.bigint(),
);
