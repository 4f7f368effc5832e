import { expect, test } from 'vitest';
import { FaultError, raise } from '../model/errors/fault.ts';
import type { EstimateOrder, EstimateReply, LookbackReply, LookbackRequest } from '../wire/control_messages.ts';
import type { ControlReply, SensorRequest } from '../wire/sensor_messages.ts';
import { wireVersion } from '../wire/version.ts';
import type { ControlBus, SensorBus, SensorHandlers } from './bus.ts';

/** Both ends of a fresh bus with one sensor, and a way to cut it. */
export interface BusPair {
  readonly control: ControlBus;
  readonly sensor: SensorBus;
  readonly sensor_name: string;
  /** Breaks the connection as a dying process would. */
  readonly cut: () => Promise<void>;
}

const request: LookbackRequest = {
  kind: 'lookback',
  version: wireVersion,
  filter: { expression_text: '', any_tags_text: '', own_tags_text: '' },
  from: 0n,
  to: 10n,
  packet_limit: 5,
};

const order: EstimateOrder = {
  kind: 'estimate',
  version: wireVersion,
  filter: { expression_text: 'tcp', any_tags_text: '(tcp)', own_tags_text: '' },
  from: 0n,
  to: 10n,
};

const tally: EstimateReply = {
  kind: 'tally',
  interfaces: [
    {
      coverage: { interface: 'eth0', linktype: 1, gaps: [], dropped: 0n, rates: [{ from: 0n, to: 10n, rate: 4 }] },
      packets: 2n,
      captured_bytes: 320n,
      estimated: { packets: 8n, bytes: 2n ** 60n },
      talkers: [{ source: '192.0.2.1', destination: '::1', packets_estimated: 8n, bytes_estimated: 2n ** 60n }],
    },
  ],
};

/** What a sensor does with what a test is not about. */
const handlers: SensorHandlers = {
  nudge: () => undefined,
  lookback: () => raise('lookback_busy', { limit: 0 }),
  estimate: () => raise('lookback_busy', { limit: 0 }),
};

const desired = (sensor: string): SensorRequest => ({ kind: 'desired', version: wireVersion, sensor, epoch: 'e1' });

async function gather(replies: AsyncIterable<LookbackReply>): Promise<LookbackReply[]> {
  const all: LookbackReply[] = [];
  for await (const reply of replies) all.push(reply);
  return all;
}

async function faultOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof FaultError) return error.faults[0].name;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** What every kind of bus must do; run on each of them. */
export function busSuite(open: () => Promise<BusPair>): void {
  test('a request is answered, bigints and all', async () => {
    const { control, sensor, sensor_name } = await open();
    control.serve(
      async (message) => ({ kind: 'work', generation: 2n ** 60n, assignments: [], from: message.kind }) as ControlReply,
    );
    const reply = await sensor.request(desired(sensor_name), { timeout_ms: 100_000 });
    expect(reply).toMatchObject({ kind: 'work', generation: 2n ** 60n });
  });

  test('many requests at once get their own answers', async () => {
    const { control, sensor, sensor_name } = await open();
    control.serve(async (message) => {
      const wait_ms = message.kind === 'heartbeat' ? Number(message.generation % 7n) : 0;
      await new Promise((resolve) => setTimeout(resolve, wait_ms));
      return { kind: 'heartbeat_ok', generation: message.kind === 'heartbeat' ? message.generation : 0n };
    });
    const asked = Array.from({ length: 50 }, async (_, index) => {
      const reply = await sensor.request(
        {
          kind: 'heartbeat',
          version: wireVersion,
          sensor: sensor_name,
          epoch: 'e1',
          colo: 'lab01',
          generation: BigInt(index),
          interfaces: [],
          spool_used_bytes: 0n,
          spool_limit_bytes: 0n,
          samples: [],
        },
        { timeout_ms: 100_000 },
      );
      return reply.kind === 'heartbeat_ok' ? reply.generation : -1n;
    });
    expect(await Promise.all(asked)).toEqual(Array.from({ length: 50 }, (_, index) => BigInt(index)));
  });

  test('a handler that refuses is answered as refused', async () => {
    const { control, sensor, sensor_name } = await open();
    control.serve(async () => raise('lease_lost', { lease: 'x' }));
    const reply = await sensor.request(desired(sensor_name), { timeout_ms: 100_000 });
    expect(reply).toMatchObject({ kind: 'refused', fault: { name: 'lease_lost' } });
  });

  test('a request that nobody answers times out', async () => {
    const { control, sensor, sensor_name } = await open();
    control.serve(() => new Promise(() => undefined));
    expect(await faultOf(sensor.request(desired(sensor_name), { timeout_ms: 50 }))).toBe('bus_timeout');
  });

  test('a nudge arrives', async () => {
    const { control, sensor, sensor_name } = await open();
    const { promise, resolve } = Promise.withResolvers<bigint>();
    sensor.serve({ ...handlers, nudge: resolve });
    control.nudge(sensor_name, 7n);
    expect(await promise).toBe(7n);
  });

  test('a look-back streams its records in order and ends', async () => {
    const { control, sensor, sensor_name } = await open();
    sensor.serve({
      ...handlers,
      async *lookback(asked) {
        expect(asked).toEqual(request);
        for (let index = 0; index < 40; index += 1) {
          yield { kind: 'records', interface: 'eth0', linktype: 1, records: new Uint8Array(50_000).fill(index) };
        }
        yield { kind: 'end', coverage: [] };
      },
    });
    const replies = await gather(control.lookback(sensor_name, request, { timeout_ms: 100_000 }));
    expect(replies.length).toBe(41);
    expect(replies.slice(0, 40).map((reply) => (reply.kind === 'records' ? reply.records[49_999] : -1))).toEqual(
      Array.from({ length: 40 }, (_, index) => index),
    );
    expect(replies[40]).toEqual({ kind: 'end', coverage: [] });
  });

  test('a look-back that is refused says why', async () => {
    const { control, sensor, sensor_name } = await open();
    sensor.serve({ ...handlers, lookback: () => raise('lookback_busy', { limit: 4 }) });
    const replies = await gather(control.lookback(sensor_name, request, { timeout_ms: 100_000 }));
    expect(replies).toMatchObject([{ kind: 'refused', fault: { name: 'lookback_busy' } }]);
  });

  test('a silent look-back times out', async () => {
    const { control, sensor, sensor_name } = await open();
    sensor.serve({
      ...handlers,
      async *lookback(_asked, signal): AsyncGenerator<LookbackReply, void, void> {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        yield { kind: 'end', coverage: [] };
      },
    });
    expect(await faultOf(gather(control.lookback(sensor_name, request, { timeout_ms: 50 })))).toBe('bus_timeout');
  });

  test('who gives up a look-back ends it on the sensor', async () => {
    const { control, sensor, sensor_name } = await open();
    const { promise: cancelled, resolve } = Promise.withResolvers<void>();
    sensor.serve({
      ...handlers,
      async *lookback(_asked, signal): AsyncGenerator<LookbackReply, void, void> {
        signal.addEventListener('abort', () => resolve());
        yield { kind: 'records', interface: 'eth0', linktype: 1, records: new Uint8Array(1) };
        await cancelled;
      },
    });
    for await (const reply of control.lookback(sensor_name, request, { timeout_ms: 100_000 })) {
      expect(reply.kind).toBe('records');
      break;
    }
    await cancelled;
  });

  test('an estimate gets its one answer, bigints and all', async () => {
    const { control, sensor, sensor_name } = await open();
    sensor.serve({
      ...handlers,
      estimate: async (asked) => {
        expect(asked).toEqual(order);
        return tally;
      },
    });
    expect(await control.estimate(sensor_name, order, { timeout_ms: 100_000 })).toEqual(tally);
  });

  test('estimates and look-backs at once get their own answers', async () => {
    const { control, sensor, sensor_name } = await open();
    sensor.serve({
      ...handlers,
      async *lookback(): AsyncGenerator<LookbackReply, void, void> {
        yield { kind: 'end', coverage: [] };
      },
      estimate: async ({ to }) => {
        await new Promise((resolve) => setTimeout(resolve, Number(to % 7n)));
        const interfaces = tally.kind === 'tally' ? tally.interfaces : [];
        return { kind: 'tally', interfaces: interfaces.map((one) => ({ ...one, packets: to })) };
      },
    });
    const asked = Array.from({ length: 30 }, async (_, index) => {
      const reply = await control.estimate(sensor_name, { ...order, to: BigInt(index) }, { timeout_ms: 100_000 });
      const looked = await gather(control.lookback(sensor_name, request, { timeout_ms: 100_000 }));
      return [reply.kind === 'tally' ? reply.interfaces[0]?.packets : reply.fault, looked.length];
    });
    expect(await Promise.all(asked)).toEqual(Array.from({ length: 30 }, (_, index) => [BigInt(index), 1]));
  });

  test('an estimate that is refused says why', async () => {
    const { control, sensor, sensor_name } = await open();
    sensor.serve(handlers);
    const reply = await control.estimate(sensor_name, order, { timeout_ms: 100_000 });
    expect(reply).toMatchObject({ kind: 'refused', fault: { name: 'lookback_busy', code: 1602 } });
  });

  test('an answer to an estimate that is none is malformed', async () => {
    const { control, sensor, sensor_name } = await open();
    sensor.serve({ ...handlers, estimate: async () => ({ kind: 'tally' }) as EstimateReply });
    expect(await faultOf(control.estimate(sensor_name, order, { timeout_ms: 100_000 }))).toBe('request_malformed');
  });

  test('a silent estimate times out, and ends on the sensor', async () => {
    const { control, sensor, sensor_name } = await open();
    const { promise: cancelled, resolve } = Promise.withResolvers<void>();
    sensor.serve({
      ...handlers,
      estimate: async (_asked, signal) => {
        await new Promise((ended) => signal.addEventListener('abort', ended));
        resolve();
        return tally;
      },
    });
    expect(await faultOf(control.estimate(sensor_name, order, { timeout_ms: 50 }))).toBe('bus_timeout');
    await cancelled;
  });

  test('who gives up an estimate ends it on the sensor', async () => {
    const { control, sensor, sensor_name } = await open();
    const asking = new AbortController();
    const { promise: cancelled, resolve } = Promise.withResolvers<void>();
    sensor.serve({
      ...handlers,
      estimate: async (_asked, signal) => {
        const ended = new Promise((end) => signal.addEventListener('abort', end));
        asking.abort();
        await ended;
        resolve();
        return tally;
      },
    });
    const asked = control.estimate(sensor_name, order, { timeout_ms: 100_000, signal: asking.signal });
    expect(await faultOf(asked)).toBe('bus_closed');
    await cancelled;
  });

  test('an unknown sensor is absent, at once', async () => {
    const { control } = await open();
    expect(await faultOf(gather(control.lookback('nobody', request, { timeout_ms: 100_000 })))).toBe('bus_closed');
    expect(await faultOf(control.estimate('nobody', order, { timeout_ms: 100_000 }))).toBe('bus_closed');
  });

  test('a cut ends what waits on the side that was cut off', async () => {
    const { control, sensor, sensor_name, cut } = await open();
    control.serve(() => new Promise(() => undefined));
    const asked = faultOf(sensor.request(desired(sensor_name), { timeout_ms: 100_000 }));
    await cut();
    expect(['bus_closed', 'bus_timeout']).toContain(await asked);
    await sensor.closed;
  });
}
