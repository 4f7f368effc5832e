import { expect, test } from 'vitest';
import { openDatabase } from '../db/open_database.ts';
import { upsertSensor } from '../db/sensors.ts';
import { type ReadinessDeps, readReadiness } from './readiness.ts';

const second_ns = 1_000_000_000n;
const port = { name: 'eth0', index: 1, up: true };

test('sensors that are missed or silent, full spools and what the host knows are told with their part', async () => {
  let now = 100n * second_ns;
  const db = await openDatabase({ url: ':memory:', clock: () => now });
  try {
    const deps: ReadinessDeps = {
      db,
      expected: ['s1'],
      refusing: () => undefined,
      setAside: () => ['a file'],
      host: [{ name: 'disk', look: async () => await Promise.resolve('full') }],
    };
    const told = async (): Promise<readonly [boolean, Record<string, readonly string[]>]> => {
      const { ready, parts } = await readReadiness(deps);
      return [ready, Object.fromEntries(parts.map(({ name, reasons }) => [name, reasons]))];
    };
    const nothing = { database: [], sensors: [], sampling: [], spool: [], disk: ['full'], 'set aside': ['a file'] };
    expect(await told()).toEqual([false, { ...nothing, sensors: ['s1: this sensor has not been heard of yet'] }]);
    const hear = async (spool_used_bytes: bigint): Promise<void> => {
      const seen = { colo: 'lab01', epoch: 'e', version: 1, last_heard: now, interfaces: [port], samples: [] };
      await db.transaction(async (tx) => {
        await upsertSensor(tx, { name: 's1', ...seen, spool_used_bytes, spool_limit_bytes: 100n });
      });
    };
    await hear(94n);
    expect(await told()).toEqual([true, nothing]);
    await hear(95n);
    expect(await told()).toMatchObject([
      true,
      { spool: [expect.stringContaining('s1: the spool is full (95 of 100')] },
    ]);
    await hear(0n);
    now += 12n * second_ns;
    expect(await told()).toEqual([true, { ...nothing, sensors: ['s1: this sensor was last heard of 12 s ago'] }]);
    now += 30n * second_ns;
    expect((await told())[0]).toBe(false);
    expect(await readReadiness({ ...deps, refusing: () => 'it ends' })).toMatchObject({
      ready: false,
      reasons: ['it ends'],
    });
  } finally {
    await db.close();
  }
});
