import type { Selectable } from 'kysely';
import type { TimeNs } from '../model/time.ts';
import { builtOnce } from './built_once.ts';
import { mustBe, readableOne, reading } from './damaged_row.ts';
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
  /** So many rings fit into its memory, one for each interface of each capture; absent of one that does not tell it. */
  readonly rings_max?: number;
  /** It serves whatever interface comes. */
  readonly serves_all?: boolean;
  /** 32 hex characters that stay when it is called otherwise; absent of one that does not tell it. */
  readonly sensor_id?: string;
  /** What it was called before: parts of captures that had ended by then are known by that. */
  readonly earlier_names?: readonly string[];
  /** When it said good-bye, by the database's clock; absent while it is not known to be away. */
  readonly left_at?: TimeNs;
}

/** Takes a heartbeat down: it is there. The generation is control's own and stays (0 for a new sensor). Returns the generation. */
export async function upsertSensor(
  tx: Transaction,
  sensor: Omit<SensorRecord, 'generation' | 'left_at' | 'earlier_names'>,
): Promise<bigint> {
  const { rings_max, serves_all, interfaces, ...columns } = sensor;
  const { name, ...described } = {
    ...columns,
    version: BigInt(sensor.version),
    // One column has all that is said of what can be captured.
    interfaces: toJsonText({ ports: interfaces, rings_max, serves_all }),
    samples: toJsonText(sensor.samples),
    sensor_id: sensor.sensor_id ?? null,
    left_at: null,
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
  return row === undefined ? undefined : sensorOfRow(db, row);
}

/** The sensor of an identity. */
export async function sensorById(db: Queries, id: string): Promise<SensorRecord | undefined> {
  const row = await db.query.selectFrom('sensors').selectAll().where('sensor_id', '=', id).executeTakeFirst();
  return row === undefined ? undefined : sensorOfRow(db, row);
}

/** The sensor of this name is of that identity from now on. */
export async function setSensorId(tx: Transaction, name: string, sensor_id: string): Promise<void> {
  await tx.query.updateTable('sensors').set({ sensor_id }).where('name', '=', name).execute();
}

/** These sensors have said good-bye. */
export async function sensorsLeft(tx: Transaction, names: readonly string[], left_at: TimeNs): Promise<void> {
  if (names.length === 0) return;
  await tx.query.updateTable('sensors').set({ left_at }).where('name', 'in', names).execute();
}

const allRows = builtOnce((query) => query.selectFrom('sensors').selectAll().orderBy('name'));

/** Every sensor ever heard of, by name. */
export async function listSensors(db: Queries): Promise<readonly SensorRecord[]> {
  const rows = await allRows(db);
  return rows.map((row) => sensorOfRow(db, row));
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

type Capturable = Pick<SensorRecord, 'interfaces' | 'rings_max' | 'serves_all'>;

/** What a row says of what can be captured; one that was written before the rest was told has the interfaces alone. */
function capturable(said: unknown): Capturable {
  if (Array.isArray(said)) return { interfaces: listIn(said, 'object') as readonly SensorInterface[] };
  mustBe(typeof said === 'object' && said !== null && 'ports' in said, 'what can be captured');
  const { ports, ...more } = said as Omit<Capturable, 'interfaces'> & { readonly ports: unknown };
  return { interfaces: listIn(ports, 'object') as readonly SensorInterface[], ...more };
}

function listIn(said: unknown, kind: 'object' | 'string'): readonly unknown[] {
  mustBe(Array.isArray(said) && said.every((one) => typeof one === kind && one !== null), 'a list of it');
  return said as readonly unknown[];
}

/** What a sensor said of itself it says again: what cannot be read of it counts as not said yet. */
function sensorOfRow(
  db: Queries,
  { sensor_id, earlier_names, left_at, ...row }: Selectable<SensorsTable>,
): SensorRecord {
  const said = <T>(text: string, read: (value: unknown) => T): T | undefined =>
    readableOne(db, () => reading(`sensor ${row.name}`, () => read(fromJsonText(text))));
  const names = (value: unknown): readonly string[] => listIn(value, 'string') as readonly string[];
  return {
    ...row,
    ...(sensor_id === null ? {} : { sensor_id }),
    ...(earlier_names === null ? {} : { earlier_names: said(earlier_names, names) ?? [] }),
    ...(left_at === null ? {} : { left_at }),
    version: Number(row.version),
    ...(said(row.interfaces, capturable) ?? { interfaces: [] }),
    samples: said(row.samples, (value) => listIn(value, 'object') as readonly SensorSamples[]) ?? [],
  };
}
