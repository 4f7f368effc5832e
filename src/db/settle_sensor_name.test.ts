import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PartRecord } from '../model/record.ts';
import type { Status } from '../model/status.ts';
import { accountById, insertAccount } from './accounts.ts';
import { captureById, insertCapture } from './captures.ts';
import type { Database } from './database.ts';
import { openDatabase } from './open_database.ts';
import { insertParts, partsOf, partsOfSensor } from './parts.ts';
import { removeSensor } from './remove_sensor.ts';
import { listSensors, sensorById, sensorByName, upsertSensor } from './sensors.ts';
import { settleSensorName } from './settle_sensor_name.ts';
import { freshId, plainAccount, plainCapture } from './suite/samples.ts';

const [one, other] = ['1'.repeat(32), '2'.repeat(32)];
let db: Database;
let account_id: string;
beforeEach(async () => {
  db = await openDatabase({ url: ':memory:' });
  ({ account_id } = await plainAccount(db));
});
afterEach(async () => await db.close());

async function sensor(name: string, sensor_id?: string): Promise<void> {
  await db.transaction(
    async (tx) =>
      await upsertSensor(tx, {
        name,
        colo: 'lab01',
        epoch: 'e',
        version: 1,
        last_heard: 1n,
        interfaces: [],
        samples: [],
        spool_used_bytes: 0n,
        spool_limit_bytes: 1n,
        ...(sensor_id === undefined ? {} : { sensor_id }),
      }),
  );
}

async function capture(status: Status, ...sensors: readonly string[]): Promise<string> {
  const id = freshId();
  const parts = sensors.map(
    (name, ordinal): PartRecord => ({
      capture_id: id,
      sensor: name,
      interface: 'eth0',
      colo: 'lab01',
      ordinal,
      phase: 'armed',
      sequence: 0,
    }),
  );
  await db.transaction(async (tx) => {
    await insertCapture(
      tx,
      plainCapture(account_id, { id, status, scope: { sensors: [...sensors], networks: 'all' } }),
    );
    await insertParts(tx, parts);
  });
  return id;
}

const settle = (id: string, name: string): Promise<string | undefined> =>
  db.transaction(async (tx) => await settleSensorName(tx, id, name));
const named = async (id: string): Promise<readonly string[]> => (await partsOf(db, id)).map((part) => part.sensor);

test('a sensor that is called otherwise keeps its work and what is granted on it; what has ended keeps the name', async () => {
  await sensor('s1', one);
  await sensor('s3', other);
  const [open, ended] = [await capture('running', 's1', 's3'), await capture('success', 's1')];
  const granted = freshId();
  await db.transaction(async (tx) =>
    insertAccount(tx, { id: granted, name: 'x', created: 1n, scope: { sensors: ['s3', 's1'], networks: 'all' } }),
  );
  expect(await settle(one, 's2')).toBe('s1');
  expect(await settle(one, 's2')).toBeUndefined();
  expect((await listSensors(db)).map(({ name, sensor_id }) => [name, sensor_id])).toEqual([
    ['s2', one],
    ['s3', other],
  ]);
  expect([await named(open), await named(ended)]).toEqual([['s2', 's3'], ['s1']]);
  expect((await partsOfSensor(db, 's2')).map(({ part }) => part.capture_id)).toEqual([open]);
  expect((await accountById(db, granted))?.scope.sensors).toEqual(['s3', 's2']);
  expect((await captureById(db, open))?.scope.sensors).toEqual(['s2', 's3']);
  expect((await captureById(db, ended))?.scope.sensors).toEqual(['s1']);
});

test('a sensor of before, or one whose host was set up anew, is known by its name', async () => {
  await sensor('s1');
  expect(await settle(one, 's1')).toBeUndefined();
  expect((await sensorByName(db, 's1'))?.sensor_id).toBe(one);
  expect(await settle(other, 's1')).toBeUndefined();
  expect(await sensorById(db, one)).toBeUndefined();
  expect((await sensorByName(db, 's1'))?.sensor_id).toBe(other);
});

test('who takes the name of one that is gone takes none of its work, however often', async () => {
  await sensor('s1', one);
  const opened: string[] = [];
  for (const [from, to] of [
    ['s1', 's2'],
    ['s2', 's1'],
    ['s1', 's2'],
  ] as const) {
    await sensor(to, other);
    const open = await capture('running', from, to);
    opened.push(open);
    expect(await settle(one, to)).toBe(from);
    const [own, aside] = await named(open);
    expect([own, aside]).toEqual([to, expect.stringMatching(new RegExp(`^${to}\\.before-\\d$`))]);
    expect((await sensorById(db, other))?.name).toBe(aside);
    await db.transaction(async (tx) => await removeSensor(tx, aside ?? '', 'it is gone'));
  }
  for (const open of opened) expect((await named(open))[0]).toBe('s2');
});

test('parts of a name that no sensor has any more stand in nobody’s way', async () => {
  await sensor('s1', one);
  await sensor('s2', other);
  const open = await capture('running', 's1', 's2');
  await db.transaction(async (tx) => await removeSensor(tx, 's2', 'it is gone'));
  expect(await settle(one, 's2')).toBe('s1');
  expect((await partsOf(db, open)).map(({ sensor: name, phase, error }) => [name, phase, error])).toEqual([
    ['s2', 'armed', undefined],
    ['s2.before-1', 'lost', 'it is gone'],
  ]);
});

test('who is removed is awaited no more; what has ended stays', async () => {
  await sensor('s1', one);
  const [open, ended] = [await capture('running', 's1'), await capture('complete', 's1')];
  const remove = (): Promise<boolean> => db.transaction(async (tx) => await removeSensor(tx, 's1', 'it is gone'));
  expect(await remove()).toBe(true);
  expect(await remove()).toBe(false);
  expect(await partsOf(db, open)).toMatchObject([{ phase: 'lost', error: 'it is gone' }]);
  expect(await partsOf(db, ended)).toMatchObject([{ phase: 'armed' }]);
  expect(await listSensors(db)).toEqual([]);
});
