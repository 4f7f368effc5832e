import type { TimeNs } from '../model/time.ts';
import { type Libpcap, loadLibpcap } from './binding.ts';
import { nativeBytes } from './native_bytes.ts';
import { checked } from './native_fault.ts';

// time.h
const CLOCK_REALTIME = 0;
const timespecBytes = 16;

/** The clock that the kernel stamps packets by, to the nanosecond (clock_gettime(2)); JavaScript's own has milliseconds. */
export function realTime({ libc }: Libpcap = loadLibpcap()): TimeNs {
  const time = nativeBytes(timespecBytes);
  checked('clock_gettime', libc.clock_gettime(CLOCK_REALTIME, time));
  const view = new DataView(time.buffer);
  return view.getBigInt64(0, true) * 1_000_000_000n + view.getBigInt64(8, true);
}
