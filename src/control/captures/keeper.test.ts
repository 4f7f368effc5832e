import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { captureById } from '../../db/captures.ts';
import { partsOf } from '../../db/parts.ts';
import { sensorByName, upsertSensor } from '../../db/sensors.ts';
import { plainAccount, runs } from '../../db/suite/samples.ts';
import { isFinal } from '../../model/status.ts';
import type { CaptureEvent } from '../../plan/capture_event.ts';
import type { CaptureState } from '../../plan/capture_state.ts';
import { machineTimes } from '../../plan/machine_times.ts';
import { step } from '../../plan/step.ts';
import { wireVersion } from '../../wire/version.ts';
import { startDesk, type TestDesk } from '../test_desk.ts';
import { heldShares } from './held_shares.ts';

let desk: TestDesk;
beforeEach(async () => {
  desk = await startDesk();
});
afterEach(async () => await desk.close());

/** A capture as the database has it. */
async function stored(id: string): Promise<CaptureState> {
  const record = await captureById(desk.db, id);
  if (record === undefined) throw new Error(`there is no capture ${id}`);
  return { record, parts: await partsOf(desk.db, id) };
}

/** Without what only the database counts. */
function plain({ record, parts }: CaptureState): unknown {
  const { version: _version, ...rest } = record;
  return { record: rest, parts };
}

const base = 1_800_000_100n * 1_000_000_000n;
const anyEvent = fc.oneof(
  fc
    .record({
      ordinal: fc.nat(1),
      epoch: fc.constantFrom('e1', 'e1', 'e2'),
      sequence: fc.integer({ min: 1, max: 9 }),
      phase: fc.constantFrom('armed' as const, 'ended' as const, 'failed' as const, 'excluded' as const),
      packets: fc.bigInt(0n, 9n),
      stop_reason: fc.constantFrom('time_limit' as const, 'crashed' as const),
      error: fc.option(fc.constantFrom('one', 'other'), { nil: undefined }),
    })
    .map(
      ({ ordinal, phase, stop_reason, error, ...told }): CaptureEvent => ({
        kind: 'report',
        at: base,
        news: {
          sensor: 's0',
          interface: `eth${ordinal}`,
          phase,
          dropped: 1n,
          ...told,
          ...(phase === 'armed' ? { armed_at: base } : {}),
          ...(phase === 'ended' ? { stop_reason } : {}),
          ...(error === undefined ? {} : { error }),
        },
      }),
    ),
  fc.nat(1).map(
    (ordinal): CaptureEvent => ({
      kind: 'uploaded',
      at: base + 1n,
      sensor: 's0',
      interface: `eth${ordinal}`,
      size_bytes: 9n,
      sha256: 'f'.repeat(64),
    }),
  ),
  fc.constantFrom<CaptureEvent>(
    { kind: 'stop', at: base + 2n, cause: 'stopped' },
    { kind: 'stop', at: base + 2n, cause: 'shutdown' },
    { kind: 'trouble', at: base + 3n, reason: 'the bucket is down' },
    { kind: 'converted', at: base + 4n, packets: 3n, size_bytes: 9n, sha256: 'e'.repeat(64), shares: [], pasts: [] },
    { kind: 'tick', at: base + 5n, heard: new Map([['s0', base]]) },
    { kind: 'tick', at: base + 300_000_000_000n, heard: new Map() },
  ),
);

describe('the keeper', () => {
  /** One of two parts ends, the other never begins, and then nobody is heard of: the tick that says so comes twice. */
  const endsAndFallsSilent: [CaptureEvent[], number[]] = [
    [
      {
        kind: 'report',
        at: 1_800_000_100_000_000_000n,
        news: {
          sensor: 's0',
          interface: 'eth0',
          phase: 'ended',
          epoch: 'e1',
          sequence: 1,
          packets: 0n,
          dropped: 1n,
          stop_reason: 'time_limit',
        },
      },
      { kind: 'tick', at: 1_800_000_400_000_000_000n, heard: new Map() },
    ],
    [1],
  ];

  test('has in its database what the machine says, in one transaction or in many, with events repeated', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyEvent, { maxLength: 15 }), fc.array(fc.nat(14)), async (events, again) => {
        const [one, many] = [await desk.store(2), await desk.store(2)];
        let expected = await stored(one.id);
        for (const event of events) expected = step(expected, event, machineTimes).state;
        await desk.keeper.take([{ capture_id: one.id, events }]);
        expect(plain(await stored(one.id))).toEqual(plain(expected));
        for (const [index, event] of events.entries()) {
          const times = again.includes(index) ? 2 : 1;
          for (let time = 0; time < times; time += 1)
            await desk.keeper.take([{ capture_id: many.id, events: [event] }]);
        }
        const { record, parts } = await stored(many.id);
        expect([record.status, parts.map((part) => part.phase)]).toEqual([
          expected.record.status,
          expected.parts.map((part) => part.phase),
        ]);
      }),
      { numRuns: runs(60), examples: [endsAndFallsSilent] },
    );
  });

  test('what changes nothing writes nothing, and nudges nobody', async () => {
    const { id } = await desk.store(1);
    const stop: CaptureEvent = { kind: 'stop', at: desk.now(), cause: 'stopped' };
    await desk.keeper.take([{ capture_id: id, events: [stop] }]);
    const [before, generation] = [await stored(id), (await sensorByName(desk.db, 's0'))?.generation];
    desk.followed.length = 0;
    await desk.keeper.take([{ capture_id: id, events: [stop] }]);
    expect(await stored(id)).toEqual(before);
    expect((await sensorByName(desk.db, 's0'))?.generation).toBe(generation);
    expect(desk.followed).toEqual([]);
  });

  test('passes over a capture that is unknown', async () => {
    const { id } = await desk.store(1);
    const stop: CaptureEvent = { kind: 'stop', at: desk.now(), cause: 'stopped' };
    const states = await desk.keeper.take([
      { capture_id: '9'.repeat(32), events: [stop] },
      { capture_id: id, events: [stop] },
    ]);
    expect([...states.keys()]).toEqual([id]);
  });

  test('what is written with it commits with it or not at all', async () => {
    const { id } = await desk.store(1);
    const stop: CaptureEvent = { kind: 'stop', at: desk.now(), cause: 'stopped' };
    const before = await stored(id);
    const failing = desk.keeper.take([{ capture_id: id, events: [stop] }], async () => {
      throw new Error('the other half failed');
    });
    await expect(failing).rejects.toThrow('the other half failed');
    expect(await stored(id)).toEqual(before);
    expect(desk.followed).toEqual([]);
  });
});

describe('time', () => {
  test('a capture that nobody begins fails 30 s after it was made, and its sensors hear of it', async () => {
    const { id } = await desk.store(2);
    await desk.keeper.tick();
    expect((await stored(id)).record.status).toBe('pending');
    desk.pass(31);
    await desk.keeper.tick();
    expect((await stored(id)).record).toMatchObject({ status: 'failed' });
    expect(desk.followed).toContain('discard');
    expect(desk.followed.some((one) => one.startsWith('nudge s0'))).toBe(true);
  });

  test('a sensor that is silent makes it unknown; heard again, it goes on', async () => {
    const { id } = await desk.store(1);
    await desk.say({
      kind: 'report',
      reports: [{ capture_id: id, interface: 'eth0', sequence: 1, phase: 'armed', armed_at: desk.now() }],
    });
    desk.pass(35);
    await desk.keeper.tick();
    expect((await stored(id)).record.status).toBe('unknown');
    await desk.say({
      kind: 'heartbeat',
      colo: 'lab01',
      generation: 0n,
      interfaces: [],
      samples: [],
      spool_used_bytes: 0n,
      spool_limit_bytes: 1n,
    });
    await desk.keeper.tick();
    expect((await stored(id)).record.status).toBe('running');
  });

  test('what a control that died has left lying is begun again', async () => {
    const { id } = await desk.store(1);
    await desk.keeper.take([{ capture_id: id, events: [{ kind: 'stop', at: desk.now(), cause: 'shutdown' }] }]);
    expect((await stored(id)).record.status).toBe('conversion_running');
    desk = await startDesk(desk);
    await desk.keeper.tick();
    expect(desk.followed).toContain('convert');
    expect(isFinal((await stored(id)).record.status)).toBe(false);
  });
});

/** Which interfaces of two captures of an account begin, and which do not and why, on a sensor with memory for 8 rings. */
async function come(): Promise<readonly string[]> {
  const captures = [
    await desk.store(1, { delivery: 'staged', status: 'running' }),
    await desk.store(1, { delivery: 'staged', status: 'running' }),
  ];
  await desk.db.transaction(async (tx) => {
    await upsertSensor(tx, {
      name: 's0',
      colo: 'lab01',
      epoch: 'e1',
      version: wireVersion,
      last_heard: desk.now(),
      interfaces: ['eth0', 'v1', 'v2', 'v3'].map((name, index) => ({ name, index, up: true })),
      samples: [],
      spool_used_bytes: 0n,
      spool_limit_bytes: 1n,
      rings_max: 8,
      serves_all: true,
    });
  });
  await desk.keeper.tick();
  await desk.keeper.tick();
  const parts = (await Promise.all(captures.map(async ({ id }) => await partsOf(desk.db, id)))).flat();
  return parts.flatMap(({ interface: name, phase, error = '' }) =>
    name === 'eth0' ? [] : [`${name} ${phase}${/ \(EDGETAP_\w+\)/.exec(error)?.[0] ?? ''}`],
  );
}

describe('interfaces that come', () => {
  test('take no more than the share of their account, counted over its captures, where there is another', async () => {
    await plainAccount(desk.db);
    expect((await come()).toSorted()).toEqual([
      'v1 assigned',
      'v1 assigned',
      'v2 assigned',
      'v2 lost (EDGETAP_RINGS_PERCENT)',
      'v3 assigned',
      'v3 lost (EDGETAP_RINGS_PERCENT)',
    ]);
    const told = desk.jobs.limits.read().find(({ name }) => name === 'rings_percent');
    expect(told?.refused).toBe(2);
    expect(await heldShares(desk.db, [{ name: 's0', rings_max: 8 }])).toEqual({ full_parts: 6, rings_percent: 75 });
  });

  test('all begin where there is nobody else', async () => {
    expect((await come()).filter((one) => one.endsWith('assigned')).length).toBe(6);
  });
});
