import { expect, test } from 'vitest';
import type { Database } from '../database.ts';
import { bumpGeneration, listSensors, sensorByName, upsertSensor } from '../sensors.ts';
import { freshId } from './samples.ts';

/** Sensors as their heartbeats describe them. */
export function sensorsSuite(database: () => Database): void {
  const beat = (name: string) => ({
    name,
    colo: 'ord01',
    epoch: 'e1',
    version: 1,
    last_heard: 2n ** 60n + 1n,
    interfaces: [{ name: 'eth0', index: 2, up: true, linktype: 1 }],
    samples: [
      { interface: 'eth0', rate: 4, packets: 2n ** 63n - 1n, dropped: 0n, bytes: 2n ** 53n + 1n, oldest: 2n ** 60n },
    ],
    spool_used_bytes: 2n ** 55n + 1n,
    spool_limit_bytes: 2n ** 62n,
  });

  test('a heartbeat replaces the one before, the generation stays', async () => {
    const db = database();
    const first = beat(freshId());
    expect(await db.transaction((tx) => upsertSensor(tx, first))).toBe(0n);
    expect(await sensorByName(db, first.name)).toEqual({ ...first, generation: 0n });
    await db.transaction((tx) => bumpGeneration(tx, [first.name]));
    const second = { ...first, epoch: 'e2', interfaces: [], samples: [], last_heard: 5n };
    expect(await db.transaction((tx) => upsertSensor(tx, second))).toBe(1n);
    expect(await sensorByName(db, first.name)).toEqual({ ...second, generation: 1n });
    expect(await listSensors(db)).toContainEqual({ ...second, generation: 1n });
    expect(await sensorByName(db, freshId())).toBeUndefined();
  });

  test('generations count up, each for itself', async () => {
    const db = database();
    const [one, two] = [freshId(), freshId()];
    await db.transaction(async (tx) => {
      await upsertSensor(tx, beat(one));
      await upsertSensor(tx, beat(two));
    });
    const bump = (names: readonly string[]): Promise<ReadonlyMap<string, bigint>> =>
      db.transaction((tx) => bumpGeneration(tx, names));
    expect(await bump([one])).toEqual(new Map([[one, 1n]]));
    expect(await bump([one, two, freshId()])).toEqual(
      new Map([
        [one, 2n],
        [two, 1n],
      ]),
    );
    expect(await bump([])).toEqual(new Map());
    await Promise.all(Array.from({ length: 20 }, () => bump([two])));
    expect((await sensorByName(db, two))?.generation).toBe(21n);
  });
}
