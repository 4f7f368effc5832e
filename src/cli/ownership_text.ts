import type { OwnershipResponse } from '../wire/http/ownership_schemas.ts';
import { momentText, plainText } from './human.ts';
import { textTable } from './text_table.ts';

/** A list of buckets, for people. */
export function ownershipTable(ownerships: readonly OwnershipResponse[]): string {
  const rows = ownerships.map((one) => [
    one.id,
    one.status,
    momentText(one.submitted),
    one.validated === undefined ? '-' : momentText(one.validated),
    plainText(one.destination_conf),
  ]);
  return textTable(['ID', 'STATUS', 'ADDED', 'VALIDATED', 'BUCKET'], rows);
}
