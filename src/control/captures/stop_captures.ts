import { unfinishedCaptures } from '../../db/captures.ts';
import type { Database } from '../../db/database.ts';
import type { CaptureRecord } from '../../model/record.ts';
import { machineTimes } from '../../plan/machine_times.ts';
import { operatorOf, type RandomBytes, writeAudit } from '../audit.ts';
import { createKeeper } from './keeper.ts';

/** Whose full captures: of an account, of a token or user, or, with neither, all of them. */
export interface CapturesOf {
  readonly account_id?: string;
  readonly principal_id?: string;
}

/** The full captures that may still be capturing. */
export async function runningCaptures(
  db: Database,
  { account_id, principal_id }: CapturesOf,
): Promise<readonly CaptureRecord[]> {
  return (await unfinishedCaptures(db)).filter(
    (record) =>
      record.spec.type === 'full' &&
      record.stop_requested === undefined &&
      ['pending', 'running', 'unknown'].includes(record.status) &&
      (account_id === undefined || record.account_id === account_id) &&
      (principal_id === undefined || record.principal_id === principal_id),
  );
}

/**
 * Stops them, as the operator, also beside a control that runs: its sensors see it with their next heartbeat. What was captured so far is
 * delivered. Gives the ids.
 */
export async function stopCaptures(db: Database, of: CapturesOf, random: RandomBytes): Promise<readonly string[]> {
  const running = await runningCaptures(db, of);
  if (running.length === 0) return [];
  const at = await db.now();
  const nothing = (): void => undefined;
  // What follows is control's: it takes it up with its next tick.
  const later = { nudge: nothing, convert: nothing, lookback: nothing, past: nothing, discard: nothing };
  const news = running.map(({ id }) => ({ capture_id: id, events: [{ kind: 'stop', at, cause: 'stopped' }] as const }));
  const stopped: string[] = [];
  await createKeeper(db, later, machineTimes).take(news, async (tx, states) => {
    stopped.length = 0;
    for (const { id, account_id, status } of running) {
      if (states.get(id)?.record.stop_requested !== at) continue;
      stopped.push(id);
      const entry = { action: 'capture.stop', subject: id, detail: `while ${status}` } as const;
      await writeAudit(tx, operatorOf(account_id), entry, random);
    }
  });
  return stopped;
}
