import type { Readable } from 'node:stream';
import { FaultError } from '../../model/errors/fault.ts';
import { KeptPlaces } from '../../model/kept_places.ts';
import type { LimitCounts } from '../../model/limit_counts.ts';

/** Opens a body where there is a place for another download. */
export type SeatDownload = (principal_id: string, open: () => Promise<Readable>) => Promise<Readable>;

/** Bounds the downloads under way, in all and of each token: from before the file is read to the end of its body, read or not. */
export function createDownloadSeats(limits: LimitCounts): SeatDownload {
  const { downloads: total, downloads_of_token: per_owner } = limits.values;
  const places = new KeptPlaces<undefined>({ total, per_owner });
  limits.measure('downloads', () => places.taken);
  limits.measure('downloads_of_token', () => places.most);
  return async (principal_id, open) => {
    const verdict = places.verdict(principal_id);
    if (verdict !== 'free') {
      throw new FaultError([limits.refuse(verdict === 'owner' ? 'downloads_of_token' : 'downloads')]);
    }
    const place = places.take(principal_id, undefined);
    try {
      const body = await open();
      body.once('close', () => places.give(place));
      if (body.closed) places.give(place);
      return body;
    } catch (error) {
      places.give(place);
      throw error;
    }
  };
}
