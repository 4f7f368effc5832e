import { captureVersion } from '../../db/captures.ts';
import type { Database } from '../../db/database.ts';
import { captureWithParts } from '../../db/parts.ts';
import type { Capture } from '../../model/capture.ts';
import { captureView } from './capture_view.ts';

/** How many views are kept, and of how many parts at most: some ten megabytes in all. */
const kept_max = 1024;
const parts_max = 8;

/** Finds a capture of an account as its owner sees it; undefined where the account has none of this id. */
export type FindView = (account_id: string, id: string) => Promise<Capture | undefined>;

/**
 * Keeps the views of captures that are looked at again and again, as whoever waits for one does. Each time the database is asked for
 * the version alone: one that was changed or removed, here or by another process, and another account's, is never served from memory.
 * The same object is given for as long as nothing has changed.
 */
export function knownViews(db: Database): FindView {
  const known = new Map<string, { readonly version: bigint; readonly view: Capture }>();
  return async (account_id, id) => {
    const before = known.get(id);
    if (before !== undefined && (await captureVersion(db, account_id, id)) === before.version) return before.view;
    const found = await captureWithParts(db, account_id, id);
    if (found === undefined) return undefined;
    const view = captureView(found.record, found.parts, db.clock);
    known.delete(id);
    if (view.parts.length > parts_max) return view;
    known.set(id, { version: found.record.version, view });
    const [oldest] = known.keys();
    if (known.size > kept_max && oldest !== undefined) known.delete(oldest);
    return view;
  };
}
