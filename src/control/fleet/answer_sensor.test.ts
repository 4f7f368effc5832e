import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { captureById } from '../../db/captures.ts';
import type { Database } from '../../db/database.ts';
import { openDatabase } from '../../db/open_database.ts';
import { bumpGeneration, listSensors, sensorByName, sensorsLeft } from '../../db/sensors.ts';
import type { Fault } from '../../model/errors/fault.ts';
import { machineTimes } from '../../plan/machine_times.ts';
import type { PartReport } from '../../wire/bus_fields.ts';
import type { SensorRequest } from '../../wire/sensor_messages.ts';
import { wireVersion } from '../../wire/version.ts';
import { fault } from '../../model/errors/fault.ts';
import { createKeeper } from '../captures/keeper.ts';
import { createSetAside, type SetAside } from '../set_aside.ts';
import { startDesk } from '../test_desk.ts';
import { FleetWatch } from './fleet_watch.ts';
import { answerSensor, type SensorDesk } from './answer_sensor.ts';

let db: Database;
let desk: SensorDesk;
let warned: Fault[];
beforeEach(async () => {
  warned = [];
  db = await openDatabase({ url: ':memory:', clock: () => 5_000_000_000n });
  const nothing = (): void => undefined;
  const unused = (): never => {
    throw new Error('no part is on its way');
  };
  desk = {
    db,
    watch: new FleetWatch(() => db.clock.now()),
    warn: (told) => void warned.push(told),
    keeper: createKeeper(
      db,
      { nudge: nothing, convert: nothing, lookback: nothing, past: nothing, discard: nothing },
      machineTimes,
    ),
    delivery: { sign: unused, complete: unused, discard: unused, discardLeft: unused },
  };
});
afterEach(async () => await db.close());

const from = { version: wireVersion, sensor: 's1', epoch: 'e1' };
const heartbeat: SensorRequest = {
  kind: 'heartbeat',
  ...from,
  colo: 'lab01',
  generation: -1n,
  interfaces: [{ name: 'eth0', index: 2, up: true, linktype: 1 }],
  spool_used_bytes: 1n,
  spool_limit_bytes: 10n,
  samples: [],
};

test("a heartbeat is taken down and answered with the generation of the sensor's work", async () => {
  expect(await answerSensor(desk, heartbeat)).toEqual({ kind: 'heartbeat_ok', generation: 0n });
  await db.transaction(async (tx) => await bumpGeneration(tx, ['s1']));
  expect(await answerSensor(desk, { ...heartbeat, colo: 'lab02' })).toEqual({ kind: 'heartbeat_ok', generation: 1n });
  expect(await sensorByName(db, 's1')).toMatchObject({ colo: 'lab02', last_heard: 5_000_000_000n, generation: 1n });
  expect(await answerSensor(desk, { kind: 'desired', ...from })).toEqual({
    kind: 'work',
    generation: 1n,
    assignments: [],
    over: [],
  });
});

test('a report on a capture that is gone is committed too: it need not be told again', async () => {
  const report = { capture_id: 'c'.repeat(32), interface: 'eth0', sequence: 3, phase: 'armed' } as const;
  expect(await answerSensor(desk, { kind: 'report', ...from, reports: [report] })).toEqual({
    kind: 'report_ok',
    committed: [{ capture_id: report.capture_id, interface: 'eth0', sequence: 3 }],
  });
});

test('another version of the bus is refused, the one before it is not', async () => {
  for (const version of [wireVersion - 2, wireVersion + 1]) {
    await expect(answerSensor(desk, { ...heartbeat, version })).rejects.toMatchObject({
      faults: [{ name: 'wire_version' }],
    });
  }
  expect(await answerSensor(desk, { ...heartbeat, version: wireVersion - 1 })).toMatchObject({ kind: 'heartbeat_ok' });
});

test('of the parts that a sensor holds it hears which are over; of those that nobody here knows it hears nothing', async () => {
  const held = await startDesk();
  try {
    const [wanted, done] = [await held.store(2), await held.store(2, { status: 'failed', ended_at: held.now() })];
    const [unknown, other] = ['c'.repeat(32), await held.store(4, { status: 'success', ended_at: held.now() })];
    const holds = [wanted.id, done.id, unknown, other.id].flatMap((capture_id) => [
      { capture_id, interface: 'eth0' },
      { capture_id, interface: 'eth9' },
    ]);
    expect(await held.say({ kind: 'desired', holds })).toMatchObject({
      assignments: [{ capture_id: wanted.id }],
      over: [
        { capture_id: done.id, interface: 'eth0' },
        { capture_id: other.id, interface: 'eth0' },
      ],
    });
    const many = Array.from({ length: 1500 }, (_, index) => ({
      capture_id: index.toString(16).padStart(32, '0'),
      interface: 'eth0',
    }));
    expect(await held.say({ kind: 'desired', holds: [...many, ...holds] }, 's2')).toMatchObject({
      assignments: [],
      over: [],
    });
  } finally {
    await held.close();
  }
});

test('what a sensor has set aside is told as long as its heartbeats say it', async () => {
  const aside = createSetAside();
  await answerSensor(
    { ...desk, aside },
    { ...heartbeat, set_aside: [fault('spool_stray', { path: '/p', reason: 'r' })] },
  );
  expect(aside.reasons()).toEqual([expect.stringMatching(/^s1: \/p in the spool .*\(2006\)$/)]);
  await answerSensor({ ...desk, aside }, heartbeat);
  expect(aside.reasons()).toEqual([]);
});

const big = 2n ** 63n;
const malformed: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
  ['a count of 2^63', { packets: big }],
  ['a count below zero', { dropped: -1n }],
  ['a count that is a number', { bytes: 5 }],
  ['a wrong phase', { phase: 'endet' }],
  ['no phase', { phase: undefined }],
  ['a moment beyond all time', { armed_at: big }],
  ['a length of time beyond all time', { armed_ago_ns: big }],
  ['a difference of clocks beyond all time', { clock_offset: -big - 1n }],
  ['a link type that is none', { linktype: 1.5 }],
  ['a fault that is a text', { fault: 'x' }],
  ['a wrong reason for the end', { stop_reason: 'x' }],
];
test.each(malformed)('a report with %s fails its part alone, is told, and nothing of it is over', async (_, wrong) => {
  const held = await startDesk();
  const aside = createSetAside();
  const warned: string[] = [];
  const side: SensorDesk = { ...held, aside, warn: (why) => void warned.push(why.name) };
  try {
    const [one, other] = [await held.store(1), await held.store(1)];
    const plain = { interface: 'eth0', sequence: 7, phase: 'armed', packets: 5n } as const;
    const reports = [{ capture_id: one.id, ...plain, ...wrong } as PartReport, { capture_id: other.id, ...plain }];
    const said = { version: wireVersion, sensor: 's0', epoch: 'e1' };
    const reply = await answerSensor(side, { kind: 'report', ...said, reports });
    expect(reply).toMatchObject({
      committed: [{ capture_id: other.id }, { capture_id: one.id, sequence: 7 }],
      refused: [{ capture_id: one.id, interface: 'eth0', fault: { name: 'message_refused' } }],
    });
    expect(warned).toEqual(['message_refused']);
    expect(aside.reasons()).toEqual([expect.stringMatching(new RegExp(`capture ${one.id} on eth0.*1620`))]);
    expect(await captureById(held.db, one.id)).toMatchObject({
      status: 'failed',
      error_message: expect.stringContaining(`capture ${one.id} on eth0 cannot be taken`),
    });
    expect(await captureById(held.db, other.id)).toMatchObject({ packets_captured: 5n });
    const holds = [{ capture_id: one.id, interface: 'eth0' }];
    expect(await answerSensor(side, { kind: 'desired', ...said, holds })).toMatchObject({ over: [] });
  } finally {
    await held.close();
  }
});

test('a report that says of whom it is in no way that can be read is told, and keeps no other', async () => {
  const held = await startDesk();
  const aside = createSetAside();
  try {
    const { id } = await held.store(1);
    const good = { capture_id: id, interface: 'eth0', sequence: 1, phase: 'armed', packets: 5n } as const;
    const reports = [
      null,
      'x',
      [],
      {},
      { ...good, capture_id: 'x' },
      { ...good, sequence: 1e300 },
      good,
    ] as PartReport[];
    const said = { version: wireVersion, sensor: 's0', epoch: 'e1' };
    const reply = await answerSensor({ ...held, aside }, { kind: 'report', ...said, reports });
    expect(reply).toEqual({ kind: 'report_ok', committed: [{ capture_id: id, interface: 'eth0', sequence: 1 }] });
    expect(aside.reasons()).toHaveLength(1);
  } finally {
    await held.close();
  }
});

test('the greatest counts of many parts have a sum that can be kept', async () => {
  const held = await startDesk();
  try {
    const { id } = await held.store(512);
    for (let part = 0; part < 512; part += 1) {
      const report = { capture_id: id, interface: `eth${part & 1}`, sequence: 1, phase: 'armed' } as const;
      const counts = { packets: 2n ** 53n, bytes: 2n ** 53n, dropped: 2n ** 53n };
      await held.say({ kind: 'report', reports: [{ ...report, ...counts }] }, `s${part >> 1}`);
    }
    expect((await captureById(held.db, id))?.packets_captured).toBe(2n ** 62n);
  } finally {
    await held.close();
  }
});

test('what it held of a capture that had ended by then is over, whatever the sensor is called', async () => {
  const held = await startDesk();
  try {
    const ended = await held.store(1, { status: 'failed', ended_at: held.now() });
    const holds = [{ capture_id: ended.id, interface: 'eth0' }];
    const sensor_id = 'd'.repeat(32);
    for (const sensor of ['s0', 'x', 'y']) {
      await answerSensor(held, { ...heartbeat, sensor, sensor_id });
      const told = await answerSensor(held, {
        kind: 'desired',
        version: wireVersion,
        sensor,
        epoch: heartbeat.epoch,
        sensor_id,
        holds,
      });
      expect(told).toMatchObject({ over: holds });
    }
    const other = { sensor: 'z', sensor_id: 'e'.repeat(32) };
    await answerSensor(held, { ...heartbeat, ...other });
    expect(await held.say({ kind: 'desired', holds }, 'z')).toMatchObject({ over: [] });
  } finally {
    await held.close();
  }
});

test('a sensor that is called otherwise is told of its work before its first heartbeat, and the operator of its name', async () => {
  const sensor_id = 'd'.repeat(32);
  await answerSensor(desk, { ...heartbeat, sensor_id });
  await db.transaction(async (tx) => await bumpGeneration(tx, ['s1']));
  const renamed = { ...from, sensor: 's2', sensor_id };
  expect(await answerSensor(desk, { kind: 'desired', ...renamed })).toMatchObject({ generation: 1n });
  expect(warned).toMatchObject([{ name: 'sensor_renamed', code: 1830 }]);
  expect(await answerSensor(desk, { ...heartbeat, ...renamed })).toEqual({ kind: 'heartbeat_ok', generation: 1n });
  expect((await listSensors(db)).map(({ name }) => name)).toEqual(['s2']);
  expect(warned).toHaveLength(1);
});

describe('a name that two sensors call themselves by', () => {
  const [first_id, second_id] = ['1'.repeat(32), '2'.repeat(32)];
  const [first, second] = [
    { ...heartbeat, sensor_id: first_id, epoch: 'first', interfaces: [{ name: 'eth0', index: 2, up: true }] },
    { ...heartbeat, sensor_id: second_id, epoch: 'second', interfaces: [{ name: 'eth9', index: 9, up: true }] },
  ];
  const held = { faults: [{ name: 'sensor_name_held', code: 1881 }] };
  let aside: SetAside;
  let now: bigint;
  beforeEach(async () => {
    await db.close();
    now = 5_000_000_000n;
    db = await openDatabase({ url: ':memory:', clock: () => now });
    aside = createSetAside();
    desk = { ...desk, db, aside, watch: new FleetWatch(() => now) };
  });
  const shown = async (): Promise<unknown> => (await sensorByName(db, 's1'))?.interfaces.map(({ name }) => name);

  test('stays with the one that is at work; the other is refused in all it says, and named', async () => {
    await answerSensor(desk, first);
    for (let turn = 0; turn < 3; turn += 1) {
      now += 2_000_000_000n;
      await expect(answerSensor(desk, second)).rejects.toMatchObject(held);
      const { sensor, version, sensor_id, epoch } = second;
      const said = { sensor, version, sensor_id, epoch };
      await expect(answerSensor(desk, { ...said, kind: 'desired' })).rejects.toMatchObject(held);
      await expect(answerSensor(desk, { ...said, kind: 'report', reports: [] })).rejects.toMatchObject(held);
      expect(await answerSensor(desk, first)).toMatchObject({ kind: 'heartbeat_ok' });
      expect(await shown()).toEqual(['eth0']);
    }
    expect(warned.map(({ name }) => name)).toEqual(['sensor_name_held']);
    expect(aside.reasons()).toEqual([
      expect.stringMatching(`^The name s1 is held by the sensor ${first_id}.*${second_id}`),
    ]);
  });

  test('is free once that one has been silent, or has said good-bye; who comes back then is the other', async () => {
    await answerSensor(desk, first);
    await expect(answerSensor(desk, second)).rejects.toMatchObject(held);
    now += 11_000_000_000n;
    expect(await answerSensor(desk, second)).toMatchObject({ kind: 'heartbeat_ok' });
    expect(aside.reasons()).toEqual([]);
    await expect(answerSensor(desk, first)).rejects.toMatchObject(held);
    await db.transaction(async (tx) => await sensorsLeft(tx, ['s1'], now));
    expect(await answerSensor(desk, first)).toMatchObject({ kind: 'heartbeat_ok' });
    expect(await shown()).toEqual(['eth0']);
  });

  test('is not taken from it by a restart of control, nor by one that is renamed', async () => {
    await answerSensor(desk, first);
    await answerSensor(desk, { ...second, sensor: 's2' });
    desk = { ...desk, watch: new FleetWatch(() => now) };
    await expect(answerSensor(desk, second)).rejects.toMatchObject(held);
    expect(await answerSensor(desk, first)).toMatchObject({ kind: 'heartbeat_ok' });
    expect((await listSensors(db)).map(({ name }) => name)).toEqual(['s1', 's2']);
  });

  test('of one identity, as of a copied data directory: the one that started last has it, a restart at once', async () => {
    await answerSensor(desk, first);
    const copy = { ...second, sensor_id: first_id };
    expect(await answerSensor(desk, copy)).toMatchObject({ kind: 'heartbeat_ok' });
    for (let turn = 0; turn < 3; turn += 1) {
      now += 2_000_000_000n;
      await expect(answerSensor(desk, first)).rejects.toMatchObject(held);
      expect(await answerSensor(desk, copy)).toMatchObject({ kind: 'heartbeat_ok' });
      expect(await shown()).toEqual(['eth9']);
    }
    now += 11_000_000_000n;
    expect(await answerSensor(desk, first)).toMatchObject({ kind: 'heartbeat_ok' });
  });
});
