import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ControlBus, SensorHandlers } from '../../bus/bus.ts';
import { controlAddress, sensorAddress } from '../../bus/address.ts';
import { ipcControlBus, ipcSensorBus } from '../../bus/ipc.ts';
import { createRelay, type Relay } from '../../bus/relay.ts';
import { linkPair } from '../../bus/test_link_pair.ts';
import { insertAccount } from '../../db/accounts.ts';
import type { Database } from '../../db/database.ts';
import { openDatabase } from '../../db/open_database.ts';
import { sensorsLeft, upsertSensor } from '../../db/sensors.ts';
import { fault, raise } from '../../model/errors/fault.ts';
import type { Scope } from '../../model/scope.ts';
import type { EstimateOrder, EstimateReply, InterfaceTally } from '../../wire/control_messages.ts';
import { wireVersion } from '../../wire/version.ts';
import type { Caller } from '../control.ts';
import { formatTime } from '../../model/time.ts';
import { FleetWatch } from '../fleet/fleet_watch.ts';
import { createEstimates, type EstimateDeps } from './estimates.ts';
import { RefusalRate } from '../creates/refusal_rate.ts';
import { LimitCounts } from '../../model/limit_counts.ts';
import { limitFallbacks } from '../../model/shared_limits.ts';

const account_id = 'a'.repeat(32);
const by: Caller = {
  principal: { id: 'p'.repeat(32), kind: 'token', account_id, permission: 'write' },
  account_id,
  address: '192.0.2.1',
  request_id: 'r',
};
const second = 1_000_000_000n;
const simple = { type: 'simple', system: 'magic-transit', time_limit: 60, packet_limit: 10_000 };
const full = { type: 'full', system: 'magic-transit', time_limit: 60, colo_name: 'ord' };
const nobody = new AbortController().signal;

let db: Database;
let watch: FleetWatch;
let relay: Relay;
let bus: ControlBus;
let closing: AbortController;
let asked: { readonly sensor: string; readonly order: EstimateOrder }[];
let now = 0n;

beforeEach(async () => {
  now = 1_800_000_000n * second;
  db = await openDatabase({ url: ':memory:', clock: () => (now += 1000n) });
  watch = new FleetWatch(() => db.clock.now());
  relay = createRelay();
  const [end, hub] = linkPair();
  relay.attach(controlAddress, hub);
  bus = ipcControlBus(end);
  closing = new AbortController();
  asked = [];
});
afterEach(async () => {
  await bus.close();
  await db.close();
});

const limits = new LimitCounts(limitFallbacks);
const deps = (over: Partial<EstimateDeps> = {}): EstimateDeps => ({
  db,
  watch,
  bus,
  checkFilter: async () => ({ ok: true, value: [] }),
  packets_max: 10_000,
  sleep: async () => await new Promise((resolve) => setTimeout(resolve, 1)),
  refusal: () => undefined,
  closing: closing.signal,
  limits,
  refusals: new RefusalRate(limits, () => 0),
  ...over,
});

async function account(scope: Scope): Promise<void> {
  await db.transaction(async (tx) => await insertAccount(tx, { id: account_id, name: 'x', created: 1n, scope }));
}

/** A sensor that control has heard of, and that is on the bus where it answers something. */
async function sensor(
  name: string,
  colo: string,
  interfaces: readonly string[],
  answer?: (order: EstimateOrder, signal: AbortSignal) => Promise<EstimateReply>,
): Promise<void> {
  await db.transaction(
    async (tx) =>
      await upsertSensor(tx, {
        name,
        colo,
        epoch: 'e1',
        version: wireVersion,
        last_heard: now,
        interfaces: interfaces.map((port, index) => ({ name: port, index: index + 1, up: true, linktype: 1 })),
        samples: [],
        spool_used_bytes: 0n,
        spool_limit_bytes: 1n,
      }),
  );
  if (answer === undefined) return;
  const [end, hub] = linkPair();
  relay.attach(sensorAddress(name), hub);
  const handlers: SensorHandlers = {
    nudge: () => undefined,
    lookback: () => raise('lookback_busy', { limit: 0 }),
    estimate: async (order, signal) => {
      asked.push({ sensor: name, order });
      return await answer(order, signal);
    },
  };
  ipcSensorBus(end, name).serve(handlers);
}

/** What an interface has, at rate 4 over all of the window. */
function tallyOf(
  order: EstimateOrder,
  port: string,
  packets: bigint,
  more: Partial<InterfaceTally> = {},
): InterfaceTally {
  const { from, to } = order;
  const [source, destination] = ['192.0.2.1', '192.0.2.2'];
  return {
    coverage: { interface: port, linktype: 1, watermark: to, gaps: [], dropped: 1n, rates: [{ from, to, rate: 4 }] },
    packets,
    captured_bytes: packets * 100n,
    estimated: { packets: packets * 4n, bytes: packets * 4000n },
    talkers: [{ source, destination, packets_estimated: packets * 4n, bytes_estimated: packets * 4000n }],
    ...more,
  };
}

const tally = async (interfaces: readonly InterfaceTally[]): Promise<EstimateReply> => ({
  kind: 'tally',
  interfaces: [...interfaces],
});

async function faultsOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => 'nothing was thrown',
    (error: { faults: readonly { name: string; pointer?: string }[] }) =>
      error.faults.map((one) => [one.name, one.pointer]),
  );
}

describe('an estimate', () => {
  const everything: Scope = { sensors: 'all', networks: 'all' };

  test('of a simple capture asks all sensors in scope for its own window, with its filter and the scope', async () => {
    await account({ sensors: ['s1', 's2'], networks: ['10.0.0.0/8'] });
    await sensor('s2', 'lhr01', ['eth0'], async (order) => await tally([tallyOf(order, 'eth0', 3n)]));
    await sensor('s1', 'ord01', ['eth0'], async (order) => await tally([tallyOf(order, 'eth0', 2n)]));
    await sensor('s3', 'ord01', ['eth0'], async (order) => await tally([tallyOf(order, 'eth0', 1n)]));
    const offset_time = new Date(Number(now / 1_000_000n) - 3_600_000).toISOString();
    const body = { ...simple, offset_time, filter_v1: { protocol: 6 }, filter_expression: 'port 80' };
    const found = await createEstimates(deps()).estimate(by, body, nobody);
    const to = now - (now % second) - 3600n * second;
    expect(asked.map((one) => one.sensor).sort()).toEqual(['s1', 's2']);
    for (const { order } of asked) {
      expect(order).toEqual({
        kind: 'estimate',
        account: account_id,
        version: wireVersion,
        from: to - 60n * second,
        to,
        filter: expect.objectContaining({ expression_text: 'port 80', own_tags_text: '' }) as unknown,
      });
      expect(order.filter.any_tags_text).toContain('net 10.0.0.0/8');
      expect(order.filter.any_tags_text).toContain('proto 6');
    }
    expect(found).toMatchObject({
      type: 'simple',
      observed_from: to - 60n * second,
      observed_to: to,
      packets: 5n,
      bytes: 500n,
      packets_estimated: 20n,
      bytes_estimated: 20_000n,
      sample_rate: 4,
      talkers: [{ source: '192.0.2.1', packets_estimated: 20n, bytes_estimated: 20_000n }],
      shares: [
        { sensor: 's1', colo: 'ord01', interface: 'eth0', status: 'done', packets: 2n, dropped: 1n, sample_rate: 4 },
        { sensor: 's2', colo: 'lhr01', interface: 'eth0', status: 'done', packets: 3n },
      ],
    });
    expect(found).not.toHaveProperty('error_message');
  });

  test('of a full one asks the sites that are named, for the recent past, about the interfaces that they have', async () => {
    await account(everything);
    await sensor('s1', 'ord01', ['eth0', 'eth1'], async (order) => {
      // Of an interface that is gone there are samples still.
      return await tally([tallyOf(order, 'eth0', 30n), tallyOf(order, 'gone0', 50n)]);
    });
    await sensor('s2', 'lhr01', ['eth0'], async (order) => await tally([tallyOf(order, 'eth0', 99n)]));
    const found = await createEstimates(deps()).estimate(by, { ...full, time_limit: 600, packet_limit: 60 }, nobody);
    expect(asked.map(({ sensor: name, order }) => [name, order.to - order.from])).toEqual([['s1', 300n * second]]);
    expect(found).toMatchObject({
      packets: 60n,
      packets_estimated: 240n,
      time_to_packet_limit_ns: 150n * second,
      error_message: 's1/eth1: this interface is not sampled',
      shares: [
        { interface: 'eth0', status: 'done', packets: 30n, packets_estimated: 240n },
        { interface: 'eth1', status: 'failed' },
      ],
    });
  });

  test('tells who did not answer, refused, or cannot match; only the rest is in the sum', async () => {
    await account(everything);
    await sensor('away', 'ord01', ['eth0', 'eth1']);
    await sensor('ill', 'ord01', ['eth0'], async () => raise('lookback_failed', { reason: 'EIO' }));
    await sensor('odd', 'ord01', ['tun0'], async (order) => {
      const { coverage, ...rest } = tallyOf(order, 'tun0', 0n);
      return await tally([{ ...rest, coverage: { ...coverage, excluded: 'no VLAN support' } }]);
    });
    await sensor('well', 'ord01', ['eth0'], async (order) => {
      const { coverage, ...rest } = tallyOf(order, 'eth0', 10n);
      const gap = { from: order.from, to: order.from + 30n * second, reason: 'not_sampled' };
      return await tally([{ ...rest, coverage: { ...coverage, gaps: [gap] } }]);
    });
    const found = await createEstimates(deps()).estimate(by, full, nobody);
    expect(found.shares.map((one) => [one.sensor, one.interface, one.status, one.packets])).toEqual([
      ['away', 'eth0', 'no_answer', undefined],
      ['away', 'eth1', 'no_answer', undefined],
      ['ill', 'eth0', 'failed', undefined],
      ['odd', 'tun0', 'excluded', undefined],
      ['well', 'eth0', 'done', 10n],
    ]);
    // Forty in half of the time are eighty in all of it.
    expect(found).toMatchObject({ packets: 80n, packets_estimated: 80n });
    expect(found.error_message).toMatch(/^away\/eth0: .*closed.*; away\/eth1: .*; ill\/eth0: .*EIO$/);
    expect(found.shares[3]).toMatchObject({ error: 'no VLAN support' });
    expect(found.shares[4]?.coverage).toMatch(/^no samples from .*not sampled/);
  });

  test('who is silent, or has left since, is named and not waited for; who left before that is neither', async () => {
    await account(everything);
    const never = (): Promise<EstimateReply> => new Promise(() => undefined);
    const begun = now;
    await sensor('silent', 'ord01', ['eth0'], never);
    now += 3600n * second;
    for (const name of ['left-before', 'left-since']) await sensor(name, 'ord01', ['eth0'], never);
    await sensor('well', 'ord01', ['eth0'], async (order) => await tally([tallyOf(order, 'eth0', 10n)]));
    await db.transaction(async (tx) => {
      await sensorsLeft(tx, ['left-before'], now - 90n * second);
      await sensorsLeft(tx, ['left-since'], now - 30n * second);
    });
    watch.heard('well');
    const found = await createEstimates(deps()).estimate(by, { ...simple, time_limit: 60 }, nobody);
    expect(asked.map((one) => one.sensor)).toEqual(['well']);
    expect(found.shares).toMatchObject([
      {
        sensor: 'left-since',
        status: 'no_answer',
        error: expect.stringMatching(/was shut down at .*: start it again/) as string,
      },
      {
        sensor: 'silent',
        status: 'no_answer',
        error: expect.stringContaining(formatTime(begun).slice(0, 16)) as string,
      },
      { sensor: 'well', status: 'done', packets: 10n },
    ]);
    // What begins now has nothing to do with who has left.
    const ahead = await createEstimates(deps()).estimate(by, full, nobody);
    expect(ahead.shares.map((one) => one.sensor)).toEqual(['silent', 'well']);
  });

  test('a link type that has changed is told apart; an unknown rate leaves the estimate out', async () => {
    await account(everything);
    await sensor('s1', 'ord01', ['eth0'], async (order) => {
      const one = tallyOf(order, 'eth0', 2n);
      const { estimated: _, ...other } = tallyOf(order, 'eth0', 3n, { talkers: [] });
      return await tally([one, { ...other, coverage: { ...other.coverage, linktype: 113, rates: [] } }]);
    });
    const found = await createEstimates(deps()).estimate(by, simple, nobody);
    expect(found.shares.map((one) => [one.interface, one.packets, one.packets_estimated, one.sample_rate])).toEqual([
      ['eth0 (link type 1)', 2n, 8n, 4],
      ['eth0 (link type 113)', 3n, undefined, undefined],
    ]);
    expect(found).toMatchObject({ packets: 5n, packets_estimated: 8n });
  });

  test('a sensor that is busy is asked again, and not for ever', async () => {
    await account(everything);
    let times = 0;
    await sensor('s1', 'ord01', ['eth0'], async (order) => {
      times += 1;
      return times < 4 ? raise('lookback_busy', { limit: 4 }) : await tally([tallyOf(order, 'eth0', 1n)]);
    });
    expect(await createEstimates(deps()).estimate(by, simple, nobody)).toMatchObject({ packets: 1n });
    times = -1000;
    const found = await createEstimates(deps()).estimate(by, simple, nobody);
    expect(found).toMatchObject({
      error_message: expect.stringContaining('4 look-backs and estimates of this account at a time') as string,
    });
    expect(found).not.toHaveProperty('packets');
    expect(times).toBe(-990);
  });

  test('writes nothing down: no capture, no audit row, no create', async () => {
    await account(everything);
    await sensor('s1', 'ord01', ['eth0'], async (order) => await tally([tallyOf(order, 'eth0', 1n)]));
    const estimates = createEstimates(deps());
    for (const body of [simple, full]) await estimates.estimate(by, body, nobody);
    for (const table of ['captures', 'parts', 'creates', 'audit'] as const) {
      expect(await db.query.selectFrom(table).selectAll().execute(), table).toEqual([]);
    }
  });

  test('nobody is asked where the request is refused, with every fault at once', async () => {
    await account(everything);
    await sensor('s1', 'ord01', ['eth0'], async (order) => await tally([tallyOf(order, 'eth0', 1n)]));
    const estimates = createEstimates(
      deps({ checkFilter: async () => ({ ok: false, faults: [fault('expression_syntax', { reason: 'x' })] }) }),
    );
    const body = {
      ...full,
      time_limit: 0,
      colo_name: 'xyz',
      destination_conf: 'gs://nobodys',
      filter_expression: 'tcp and',
    };
    expect(await faultsOf(estimates.estimate(by, body, nobody))).toEqual([
      ['field_range', '/time_limit'],
      ['colo_unknown', '/colo_name'],
      ['destination_not_owned', '/destination_conf'],
      ['expression_syntax', '/filter_expression'],
    ]);
    expect(asked).toEqual([]);
  });

  test('an account that may see nothing is told so', async () => {
    await account({ sensors: [], networks: 'all' });
    expect(await faultsOf(createEstimates(deps()).estimate(by, simple, nobody))).toEqual([['scope_empty', undefined]]);
  });
});

describe('estimates at one time', () => {
  test('are two; some wait, in order; more are estimates_busy', async () => {
    await account({ sensors: 'all', networks: 'all' });
    const ends: (() => void)[] = [];
    await sensor('s1', 'ord01', ['eth0'], async (order) => {
      await new Promise<void>((resolve) => ends.push(resolve));
      return await tally([tallyOf(order, 'eth0', 1n)]);
    });
    const estimates = createEstimates(deps());
    const running = Array.from({ length: 18 }, async () => await estimates.estimate(by, simple, nobody));
    await expect.poll(() => ends.length).toBe(2);
    await expect
      .poll(async () => await faultsOf(estimates.estimate(by, simple, AbortSignal.abort())))
      .toEqual([['estimates_busy', undefined]]);
    // A bad body is a bad body, however busy it is.
    expect(await faultsOf(estimates.estimate(by, [], nobody))).toEqual([['body_type', '']]);
    let done = 0;
    for (const one of running) void one.then(() => (done += 1));
    for (let answered = 0; answered < running.length; answered += 1) {
      await expect.poll(() => ends.length - answered).toBeGreaterThan(0);
      expect(ends.length).toBeLessThanOrEqual(answered + 2);
      ends[answered]?.();
      await expect.poll(() => done).toBe(answered + 1);
    }
    expect(ends).toHaveLength(18);
  });

  test('of one account leave a turn to another, and are refused by themselves', async () => {
    await account({ sensors: 'all', networks: 'all' });
    const other = 'b'.repeat(32);
    const scope = { sensors: 'all', networks: 'all' } as const;
    await db.transaction(async (tx) => await insertAccount(tx, { id: other, name: 'y', created: 1n, scope }));
    const ends: (() => void)[] = [];
    await sensor('s1', 'ord01', ['eth0'], async (order) => {
      if (order.account !== other) await new Promise<void>((resolve) => ends.push(resolve));
      return await tally([tallyOf(order, 'eth0', 1n)]);
    });
    const estimates = createEstimates(deps());
    const running = Array.from({ length: 18 }, async () => await estimates.estimate(by, simple, nobody));
    await expect
      .poll(async () => await faultsOf(estimates.estimate(by, simple, AbortSignal.abort())))
      .toEqual([['estimates_busy', undefined]]);
    const of_other = { ...by, account_id: other, principal: { ...by.principal, account_id: other } };
    expect(await estimates.estimate(of_other, simple, nobody)).toMatchObject({ packets: 1n });
    for (let answered = 0; answered < running.length; answered += 1) {
      await expect.poll(() => ends.length - answered).toBeGreaterThan(0);
      ends[answered]?.();
    }
    await Promise.all(running);
  });

  test.each(['gone', 'closing'] as const)('are given up, on the sensor too: %s', async (why) => {
    await account({ sensors: 'all', networks: 'all' });
    const begun = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    await sensor('s1', 'ord01', ['eth0'], async (order, signal) => {
      signal.addEventListener('abort', () => ended.resolve());
      begun.resolve();
      await ended.promise;
      return await tally([tallyOf(order, 'eth0', 1n)]);
    });
    const gone = new AbortController();
    const answer = faultsOf(createEstimates(deps()).estimate(by, simple, gone.signal));
    await begun.promise;
    (why === 'gone' ? gone : closing).abort();
    expect(await answer).toEqual([['unavailable', undefined]]);
    await ended.promise;
  });

  test('are none while edgetap is shutting down', async () => {
    await account({ sensors: 'all', networks: 'all' });
    const estimates = createEstimates(deps({ refusal: () => 'it is shutting down' }));
    expect(await faultsOf(estimates.estimate(by, simple, nobody))).toEqual([['unavailable', undefined]]);
  });
});
