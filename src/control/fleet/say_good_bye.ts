import type { Database } from '../../db/database.ts';
import { sensorsLeft } from '../../db/sensors.ts';
import { type Fault, FaultError } from '../../model/errors/fault.ts';
import type { FleetWatch } from './fleet_watch.ts';

/**
 * The sensors of this machine end together with this control, which is about to, and cannot say so themselves after it: it says good-bye for
 * them. One that goes on is there again with its next heartbeat. Without it they are only silent, so what keeps the database from being written
 * is told, and keeps nobody from ending.
 */
export async function sayGoodBye(
  db: Database,
  watch: FleetWatch,
  warn: (fault: Fault, context: string) => void,
): Promise<void> {
  try {
    await db.transaction(async (tx) => await sensorsLeft(tx, watch.names(), await tx.now()));
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    warn(error.faults[0], 'saying good-bye');
  }
}
