import { unfinishedStatuses } from './captures.ts';
import type { Transaction } from './database.ts';

/** Forgets a sensor. What captures still await of it they get no more, for that reason. False where there is none of that name. */
export async function removeSensor(tx: Transaction, name: string, reason: string): Promise<boolean> {
  const { numDeletedRows } = await tx.query.deleteFrom('sensors').where('name', '=', name).executeTakeFirst();
  if (numDeletedRows === 0n) return false;
  await tx.query
    .updateTable('parts')
    .set({ phase: 'lost', error: reason })
    .where('sensor', '=', name)
    .where('phase', 'in', ['assigned', 'armed', 'ended'])
    .where('capture_id', 'in', (row) =>
      row.selectFrom('captures').select('id').where('status', 'in', unfinishedStatuses),
    )
    .execute();
  return true;
}
