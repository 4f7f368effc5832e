import type { PastStream } from '../model/past.ts';
import type { PartRecord } from '../model/record.ts';
import type { PastShare } from './capture_event.ts';

/** What of a part's past has got into the delivered file, in the place of what was fetched. */
export function deliveredPast({ past }: PartRecord, share: PastShare | undefined): Pick<PartRecord, 'past'> {
  if (past === undefined || share === undefined) return {};
  const streams = past.streams.map((stream, index): PastStream => {
    const given = share.streams[index] ?? { packets: 0n, bytes: 0n };
    return { ...stream, ...given, truncated: stream.truncated || given.packets < stream.packets };
  });
  return { past: { ...past, streams, ...(share.lost === undefined ? {} : { error: share.lost }) } };
}
