import type { Selectable } from 'kysely';
import type { TimeNs } from '../model/time.ts';
import { builtOnce } from './built_once.ts';
import type { Queries, Transaction } from './database.ts';
import { fromJsonText, toJsonText } from '../model/json_text.ts';
import type { SensorsTable } from './tables.ts';

/** One interface, as a sensor described it. */
export interface SensorInterface {
  readonly name: string;
  readonly index: number;
  readonly up: boolean;
  readonly linktype?: number;
}

/** The sample store of one interface, as a sensor described it. */
export interface SensorSamples {
  readonly interface: string;
  readonly rate: number;
  readonly packets: bigint;
  readonly dropped: bigint;
  readonly bytes: bigint;
  readonly oldest?: TimeNs;
  readonly fault?: { readonly name: string; readonly code: number; readonly message: string };
}

/** A sensor as its last heartbeat described it. */
export interface SensorRecord {
  readonly name: string;
  readonly colo: string;
  /** Changes with every start of the sensor. */
  readonly epoch: string;
  /** The version of the bus messages that it speaks. */
  readonly version: number;
  /** Grows with every change of its desired work; 0 before the first. */
  readonly generation: bigint;
  readonly last_heard: TimeNs;
  readonly interfaces: readonly SensorInterface[];
  readonly samples: readonly SensorSamples[];
  readonly spool_used_bytes: bigint;
  readonly spool_limit_bytes: bigint;
}

/** Takes a heartbeat down; the generation is control's own and stays (0 for a new sensor). Returns the generation. */
export async function upsertSensor(tx: Transaction, sensor: Omit<SensorRecord, 'generation'>): Promise<bigint> {
  const { name, ...described } = {
    ...sensor,
    version: BigInt(sensor.version),
    interfaces: toJsonText(sensor.interfaces),
    samples: toJsonText(sensor.samples),
  };
  const { generation } = await tx.query
    .insertInto('sensors')
    .values({ name, ...described, generation: 0n })
    .onConflict((conflict) => conflict.column('name').doUpdateSet(described))
    .returning('generation')
    .executeTakeFirstOrThrow();
  return generation;
}

/** The sensor of a name. */
export async function sensorByName(db: Queries, name: string): Promise<SensorRecord | undefined> {
  const row = await db.query.selectFrom('sensors').selectAll().where('name', '=', name).executeTakeFirst();
  return row === undefined ? undefined : sensorOfRow(row);
}

const allRows = builtOnce((query) => query.selectFrom('sensors').selectAll().orderBy('name'));

/** Every sensor ever heard of, by name. */
export async function listSensors(db: Queries): Promise<readonly SensorRecord[]> {
  const rows = await allRows(db);
  return rows.map(sensorOfRow);
}

/** The desired work of these sensors has changed: counts their generations up. Returns the new ones; unknown names are left out. */
export async function bumpGeneration(tx: Transaction, names: readonly string[]): Promise<ReadonlyMap<string, bigint>> {
  if (names.length === 0) return new Map();
  const rows = await tx.query
    .updateTable('sensors')
    .set((row) => ({ generation: row('generation', '+', 1n) }))
    .where('name', 'in', names)
    .returning(['name', 'generation'])
    .execute();
  return new Map(rows.map((row) => [row.name, row.generation]));
}

function sensorOfRow(row: Selectable<SensorsTable>): SensorRecord {
  return {
    ...row,
    version: Number(row.version),
    interfaces: fromJsonText(row.interfaces) as readonly SensorInterface[],
    samples: fromJsonText(row.samples) as readonly SensorSamples[],
  };
}
