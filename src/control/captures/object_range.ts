import type { ByteRange as ObjectRange } from '../../bucket/bucket.ts';
import type { ByteRange } from '../control.ts';

/** What a client asked for, as a bucket is asked for it; undefined for the whole object. */
export function objectRange(range: ByteRange | undefined): ObjectRange | undefined {
  return range === undefined ? undefined : { first: BigInt(range.start), last: BigInt(range.end) };
}
