import type { Database, Transaction } from '../../db/database.ts';
import { listSensors } from '../../db/sensors.ts';
import { unfinishedCaptures } from '../../db/captures.ts';
import { FaultError } from '../../model/errors/fault.ts';
import { LimitCounts } from '../../model/limit_counts.ts';
import { limitFallbacks } from '../../model/shared_limits.ts';
import { awaitedPasts } from '../../plan/awaited_pasts.ts';
import type { CaptureEvent } from '../../plan/capture_event.ts';
import type { CaptureState } from '../../plan/capture_state.ts';
import type { MachineTimes } from '../../plan/machine_times.ts';
import { type Applied, applyEvents } from './apply_event.ts';
import { CaptureChanges } from './capture_changes.ts';
import { joinedSince, type Joining } from './joining.ts';

/** What follows from a change, outside the database. Each may be called again for the same capture. */
export interface Consequences {
  nudge(sensor: string, generation: bigint): void;
  convert(captureId: string): void;
  lookback(captureId: string): void;
  past(captureId: string): void;
  discard(captureId: string): void;
}

/** Events of one capture. */
export interface CaptureNews {
  readonly capture_id: string;
  readonly events: readonly CaptureEvent[];
}

/** Has a part in a transaction that changes captures; may run more than once. */
export type Within = (tx: Transaction, states: ReadonlyMap<string, CaptureState>) => Promise<void>;

/** Keeps the captures: the one place through which anything happens to one after its creation. */
export interface Keeper {
  /**
   * Takes events into captures, all in one transaction, then sees to what follows. Unknown captures are passed over.
   * `within` is told what has become of them and writes what is to commit together with it.
   */
  take(news: readonly CaptureNews[], within?: Within): Promise<ReadonlyMap<string, CaptureState>>;
  /** Lets time pass for every capture that is not final, and takes up work that a crash has left lying. */
  tick(): Promise<void>;
}

const conflict_tries = 5;

/** Makes the keeper of a database's captures, which tells `changes` of each that it has changed, and keeps interfaces that come within `limits`. */
export function createKeeper(
  db: Database,
  consequences: Consequences,
  times: MachineTimes,
  changes: CaptureChanges = new CaptureChanges(),
  limits: LimitCounts = new LimitCounts(limitFallbacks),
): Keeper {
  const commit = async (
    news: readonly CaptureNews[],
    within?: Within,
    joining?: () => Joining,
  ): Promise<ReadonlyMap<string, Applied>> => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await db.transaction(async (tx) => {
          const applied = new Map<string, Applied>();
          const join = joining?.();
          for (const { capture_id, events } of news) {
            // Reading comes first: nothing was written of one that cannot be read.
            const all = join === undefined ? events : [join.eventOf(capture_id), ...events];
            const one = await unlessDamaged(tx, async () => await applyEvents(tx, capture_id, all, times));
            if (one === undefined) continue;
            applied.set(capture_id, one);
            join?.count(capture_id, one.fresh);
          }
          await within?.(tx, statesOf(applied));
          return applied;
        });
      } catch (error) {
        // Another control was at the same capture: what it wrote is read again and decided on anew.
        if (!(error instanceof FaultError && error.faults[0].name === 'lease_lost') || tries === conflict_tries)
          throw error;
      }
    }
  };

  const take = async (
    news: readonly CaptureNews[],
    within?: Within,
    joining?: () => Joining,
  ): Promise<ReadonlyMap<string, CaptureState>> => {
    const applied = await commit(news, within, joining);
    for (const [id, one] of applied) {
      changes.tell(id);
      for (const [sensor, generation] of one.generations) consequences.nudge(sensor, generation);
      for (const effect of one.effects) {
        if (effect.kind === 'convert') consequences.convert(id);
        if (effect.kind === 'lookback') consequences.lookback(id);
        if (effect.kind === 'past') consequences.past(id);
        if (effect.kind === 'discard') consequences.discard(id);
        if (effect.kind === 'limit_reached') limits.count(effect.limit);
      }
    }
    return statesOf(applied);
  };

  return {
    take: async (news, within) => await take(news, within),
    tick: async () => {
      const open = await unfinishedCaptures(db);
      if (open.length === 0) return;
      const at = await db.now();
      const sensors = await listSensors(db);
      const heard = new Map(sensors.map((sensor) => [sensor.name, sensor.last_heard]));
      const events: readonly CaptureEvent[] = [{ kind: 'tick', at, heard }];
      const joining = await joinedSince(db, sensors, open, at, limits.values);
      const states = await take(
        open.map((record) => ({ capture_id: record.id, events })),
        undefined,
        joining,
      );
      for (const record of open) {
        if (record.spec.type === 'simple') consequences.lookback(record.id);
        else if (record.status === 'conversion_running') consequences.convert(record.id);
        const state = states.get(record.id);
        if (state !== undefined && awaitedPasts(state).length > 0) consequences.past(record.id);
      }
    },
  };
}

/** A capture of which a row cannot be read is left as it is, told, and keeps no other from going on. */
async function unlessDamaged<T>(tx: Transaction, run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof FaultError) || error.faults[0].name !== 'row_damaged') throw error;
    tx.damaged(error.faults[0]);
    return undefined;
  }
}

function statesOf(applied: ReadonlyMap<string, Applied>): ReadonlyMap<string, CaptureState> {
  return new Map([...applied].map(([id, one]) => [id, one.state]));
}
