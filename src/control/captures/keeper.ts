import type { Database, Transaction } from '../../db/database.ts';
import { partsCaptured } from '../../db/parts.ts';
import { listSensors, type SensorRecord } from '../../db/sensors.ts';
import { limits } from '../../model/limits.ts';
import { unfinishedCaptures } from '../../db/captures.ts';
import { FaultError } from '../../model/errors/fault.ts';
import { awaitedPasts } from '../../plan/awaited_pasts.ts';
import type { CaptureEvent } from '../../plan/capture_event.ts';
import type { CaptureState } from '../../plan/capture_state.ts';
import type { MachineTimes } from '../../plan/machine_times.ts';
import { type Applied, applyEvents } from './apply_event.ts';
import { CaptureChanges } from './capture_changes.ts';

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

/** Makes the keeper of a database's captures, which tells `changes` of each that it has changed. */
export function createKeeper(
  db: Database,
  consequences: Consequences,
  times: MachineTimes,
  changes: CaptureChanges = new CaptureChanges(),
): Keeper {
  const commit = async (news: readonly CaptureNews[], within?: Within): Promise<ReadonlyMap<string, Applied>> => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await db.transaction(async (tx) => {
          const applied = new Map<string, Applied>();
          for (const { capture_id, events } of news) {
            // Reading comes first: nothing was written of one that cannot be read.
            const one = await unlessDamaged(tx, async () => await applyEvents(tx, capture_id, events, times));
            if (one !== undefined) applied.set(capture_id, one);
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

  const take: Keeper['take'] = async (news, within) => {
    const applied = await commit(news, within);
    for (const [id, one] of applied) {
      changes.tell(id);
      for (const [sensor, generation] of one.generations) consequences.nudge(sensor, generation);
      for (const effect of one.effects) {
        if (effect.kind === 'convert') consequences.convert(id);
        if (effect.kind === 'lookback') consequences.lookback(id);
        if (effect.kind === 'past') consequences.past(id);
        if (effect.kind === 'discard') consequences.discard(id);
      }
    }
    return statesOf(applied);
  };

  return {
    take,
    tick: async () => {
      const open = await unfinishedCaptures(db);
      if (open.length === 0) return;
      const at = await db.now();
      const sensors = await listSensors(db);
      const heard = new Map(sensors.map((sensor) => [sensor.name, sensor.last_heard]));
      const events: readonly CaptureEvent[] = [...(await joinedSince(db, sensors, at)), { kind: 'tick', at, heard }];
      const states = await take(open.map((record) => ({ capture_id: record.id, events })));
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

/** What interfaces the sensors have that serve whatever comes; nothing where none does. */
async function joinedSince(
  db: Database,
  sensors: readonly SensorRecord[],
  at: bigint,
): Promise<readonly CaptureEvent[]> {
  const alive = (sensor: SensorRecord): boolean =>
    sensor.left_at === undefined && sensor.last_heard > at - BigInt(limits.unknown_after_s) * 1_000_000_000n;
  const growing = sensors.filter((sensor) => sensor.serves_all === true && alive(sensor));
  if (growing.length === 0) return [];
  const { all: captured } = await partsCaptured(db);
  const members = growing.map(({ name, colo, interfaces, rings_max: limit }) => ({
    name,
    colo,
    interfaces,
    ...(limit === undefined ? {} : { rings: { limit, taken: captured.get(name) ?? 0 } }),
  }));
  return [{ kind: 'joined', at, members }];
}

function statesOf(applied: ReadonlyMap<string, Applied>): ReadonlyMap<string, CaptureState> {
  return new Map([...applied].map(([id, one]) => [id, one.state]));
}
