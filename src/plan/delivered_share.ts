import type { PartRecord } from '../model/record.ts';
import type { PartShare } from './capture_event.ts';

/** What a part has become in the delivered file; one of which nothing was left has failed. */
export function deliveredShare(part: PartRecord, share: PartShare | undefined): Partial<PartRecord> {
  if (share === undefined) return {};
  const { cut, lost } = share;
  if (lost === undefined || lost.packets === 0n) return { cut };
  const { packets, dropped, missing } = part;
  if (packets !== undefined && packets === lost.packets) return { cut: 0n, phase: 'failed', error: lost.reason };
  const text = `${lost.packets} of ${packets ?? 'its'} packets are lost: ${lost.reason}`;
  return {
    cut,
    missing: missing === undefined ? text : `${missing}; ${text}`,
    ...(packets === undefined ? {} : { packets: packets - lost.packets }),
    ...(dropped === undefined ? {} : { dropped: dropped + lost.packets }),
  };
}
