import type { Readable } from 'node:stream';
import { FaultError } from '../../model/errors/fault.ts';
import { KeptPlaces } from '../../model/kept_places.ts';
import type { LimitCounts } from '../../model/limit_counts.ts';

/** Who downloads. */
export interface Downloader {
  readonly account_id: string;
  readonly principal_id: string;
}

/** Opens a body where there is a place for another download. */
export type SeatDownload = (by: Downloader, open: () => Promise<Readable>) => Promise<Readable>;

/** Bounds the downloads under way, in all, of each account and of each token: from before the file is read to the end of its body, read or not. */
export function createDownloadSeats(limits: LimitCounts): SeatDownload {
  const { downloads: total, downloads_of_account, downloads_of_token } = limits.values;
  const of_account = new KeptPlaces<undefined>({ total, per_owner: downloads_of_account });
  const of_token = new KeptPlaces<undefined>({ total, per_owner: downloads_of_token });
  limits.measure('downloads', () => of_token.taken);
  limits.measure('downloads_of_account', () => of_account.most);
  limits.measure('downloads_of_token', () => of_token.most);
  return async ({ account_id, principal_id }, open) => {
    if (of_token.verdict(principal_id) === 'owner') throw new FaultError([limits.refuse('downloads_of_token')]);
    if (of_account.verdict(account_id) === 'owner') throw new FaultError([limits.refuse('downloads_of_account')]);
    if (of_token.taken >= total) throw new FaultError([limits.refuse('downloads')]);
    const own = of_token.take(principal_id, undefined);
    const theirs = of_account.take(account_id, undefined);
    const give = (): void => {
      of_token.give(own);
      of_account.give(theirs);
    };
    try {
      const body = await open();
      body.once('close', give);
      if (body.closed) give();
      return body;
    } catch (error) {
      give();
      throw error;
    }
  };
}
