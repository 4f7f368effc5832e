import type { TimeNs } from '../model/time.ts';
import { type Libpcap, loadLibpcap } from './binding.ts';
import { nativeBytes } from './native_bytes.ts';
import { checked } from './native_fault.ts';

// time.h
const CLOCK_REALTIME = 0;
const timespec_bytes = 16;
/** The two clocks are not read at one moment: they are read again where more than this lay between. */
const between_max_ns = 100_000n;
const readings_max = 8;

/** The host's clocks at one moment, in nanoseconds. */
export interface HostClock {
  /** The clock that the kernel stamps packets by, in full. */
  readonly wall: TimeNs;
  /** How far it is ahead of CLOCK_MONOTONIC: the same for ever, unless it is set. */
  readonly offset: bigint;
}

/** Reads the wall clock to the nanosecond, which Node cannot (`Date.now` is cut to milliseconds). Source: clock_gettime(2). */
export function readHostClock({ libc }: Libpcap = loadLibpcap()): HostClock {
  const time = nativeBytes(timespec_bytes);
  const view = new DataView(time.buffer);
  let best: (HostClock & { readonly between: bigint }) | undefined;
  for (let reading = 0; reading < readings_max && (best === undefined || best.between > between_max_ns); reading += 1) {
    const before = process.hrtime.bigint();
    checked('clock_gettime', libc.clock_gettime(CLOCK_REALTIME, time));
    const between = process.hrtime.bigint() - before;
    const wall = view.getBigInt64(0, true) * 1_000_000_000n + view.getBigInt64(8, true);
    if (best === undefined || between < best.between) best = { wall, offset: wall - before - between / 2n, between };
  }
  if (best === undefined) throw new Error('no clock was read');
  return { wall: best.wall, offset: best.offset };
}
