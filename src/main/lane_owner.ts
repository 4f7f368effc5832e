import { allowedRoot } from '../bucket/allowed_root.ts';
import { isId } from '../model/id.ts';

/** Whose threads reach a directory of `file://` buckets: those of the account whose own directory it is in, or of the first one. */
export function laneOwner(directory: string, buckets: string): string {
  const [name = ''] = allowedRoot(directory, [buckets])?.segments ?? [];
  return isId(name) ? name : 'first';
}
