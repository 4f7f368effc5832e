import { AccountUsage } from '../model/account_usage.ts';
import type { Queries } from './database.ts';

/** Counts what all accounts use. It reads every capture, so it is for the start. */
export async function readAccountUsage(db: Queries): Promise<AccountUsage> {
  const usage = new AccountUsage();
  const captures = await db.query
    .selectFrom('captures')
    .select((row) => [
      'account_id',
      'type',
      row.fn.countAll<bigint>().as('count'),
      row.fn.sum<bigint | null>('size_bytes').as('bytes'),
    ])
    .groupBy(['account_id', 'type'])
    .execute();
  for (const { account_id, type, count, bytes } of captures) {
    usage.add(account_id, 'captures_kept', Number(count));
    // Files of full captures are in their owners' buckets.
    if (type === 'simple') usage.add(account_id, 'results_bytes', Number(bytes ?? 0n));
  }
  const buckets = await db.query
    .selectFrom('ownerships')
    .select((row) => ['account_id', row.fn.countAll<bigint>().as('count')])
    .where('status', '=', 'pending')
    .where('removed_at', 'is', null)
    .groupBy('account_id')
    .execute();
  for (const { account_id, count } of buckets) usage.add(account_id, 'buckets_pending', Number(count));
  return usage;
}
