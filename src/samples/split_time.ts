import type { TimeNs } from '../model/time.ts';

/** A moment in two numbers that compare fast: a double does not hold nanoseconds since 1970. */
export interface SplitTime {
  readonly seconds: number;
  readonly nanos: number;
}

const second_ns = 1_000_000_000n;

/** Splits a moment; `nanos` is 0 to 999,999,999 also before 1970. */
export function splitTime(time: TimeNs): SplitTime {
  const rest = ((time % second_ns) + second_ns) % second_ns;
  return { seconds: Number((time - rest) / second_ns), nanos: Number(rest) };
}

/** Joins what `splitTime` split. */
export function joinTime(seconds: number, nanos: number): TimeNs {
  return BigInt(seconds) * second_ns + BigInt(nanos);
}
