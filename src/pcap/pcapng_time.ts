import type { WritableBatch } from './record_batch.ts';

/** How an interface counts time: so many ticks in a second, from so many seconds after 1970. */
export interface TickUnit {
  /** A power of ten up to 10^9 where that is what it is; undefined for finer units and powers of two. */
  readonly decimal?: number;
  readonly ticks_per_second: bigint;
  readonly offset_seconds: number;
}

/** Microseconds: what an interface without if_tsresol counts in. */
export const microseconds: TickUnit = { decimal: 1e6, ticks_per_second: 1_000_000n, offset_seconds: 0 };

/** The unit of an if_tsresol octet: a negative power of ten, or of two with the top bit set. Undefined where 64 bits cannot hold it. */
export function tickUnit(resolution: number, offset_seconds: number): TickUnit | undefined {
  const power = resolution & 0x7f;
  if (resolution & 0x80) return power > 63 ? undefined : { ticks_per_second: 1n << BigInt(power), offset_seconds };
  if (power > 19) return undefined;
  const ticks_per_second = 10n ** BigInt(power);
  return { ...(power <= 9 ? { decimal: 10 ** power } : {}), ticks_per_second, offset_seconds };
}

/** Puts a 64-bit count of ticks, as two halves, into a batch as seconds and nanoseconds. False where no clock shows such a time. */
export function setTime(batch: WritableBatch, record: number, high: number, low: number, unit: TickUnit): boolean {
  const { decimal } = unit;
  let seconds: number;
  let nanos: number;
  if (decimal === undefined) {
    const ticks = (BigInt(high) << 32n) | BigInt(low);
    seconds = Number(ticks / unit.ticks_per_second);
    nanos = Number(((ticks % unit.ticks_per_second) * 1_000_000_000n) / unit.ticks_per_second);
  } else {
    // Long division by 16 bits at a time: every step stays below 2^53.
    const first = Math.floor(high / decimal);
    const middle = (high - first * decimal) * 0x10000 + (low >>> 16);
    const second = Math.floor(middle / decimal);
    const last = (middle - second * decimal) * 0x10000 + (low & 0xffff);
    const third = Math.floor(last / decimal);
    seconds = first * 0x100000000 + second * 0x10000 + third;
    nanos = (last - third * decimal) * (1e9 / decimal);
  }
  seconds += unit.offset_seconds;
  batch.seconds[record] = seconds;
  batch.nanos[record] = nanos;
  return Number.isSafeInteger(seconds);
}

/** The last second of which every nanosecond fits into 64 bits: in the year 2554. */
export const lastTickSecond = 18_446_744_072;

/** Nanoseconds since 1970 of `seconds` (0 to `lastTickSecond`) and `nanos`: two 32-bit halves, high first, little-endian. */
export function encodeTicks(view: DataView, offset: number, seconds: number, nanos: number): void {
  // seconds * 10^9 needs more than 53 bits: the products of its two parts do not.
  const upperSeconds = Math.floor(seconds / 0x10000);
  const upper = upperSeconds * 1e9;
  const lower = (seconds - upperSeconds * 0x10000) * 1e9 + nanos;
  const upperHigh = Math.floor(upper / 0x10000);
  const lowerHigh = Math.floor(lower / 0x100000000);
  const low = (upper - upperHigh * 0x10000) * 0x10000 + (lower - lowerHigh * 0x100000000);
  const carried = low >= 0x100000000 ? 1 : 0;
  view.setUint32(offset, upperHigh + lowerHigh + carried, true);
  view.setUint32(offset + 4, low - carried * 0x100000000, true);
}
