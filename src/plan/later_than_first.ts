import type { CaptureRecord, PartRecord } from '../model/record.ts';

/** How much later a part began than the first of its capture, in nanoseconds by the database's clock; 0 where that is not known. */
export function laterThanFirst(
  { began_at }: Pick<PartRecord, 'began_at'>,
  { armed_at: first }: Pick<CaptureRecord, 'armed_at'>,
): bigint {
  return began_at === undefined || first === undefined || began_at < first ? 0n : began_at - first;
}
