import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '../../test/support/wait_for.ts';
import { afterEach, describe, expect, test } from 'vitest';
import { raise } from '../model/errors/fault.ts';
import type { EstimateOrder } from '../wire/control_messages.ts';
import type { ControlReply, SensorRequest } from '../wire/sensor_messages.ts';
import { wireVersion } from '../wire/version.ts';
import type { ControlBus } from './bus.ts';
import { type BusPair, busSuite } from './bus_suite.ts';
import { controlAddress, sensorAddress } from './address.ts';
import { ipcControlBus, ipcSensorBus } from './ipc.ts';
import type { Link } from './link.ts';
import { createRelay } from './relay.ts';
import { socketLink } from './socket_link.ts';
import { linkPair } from './test_link_pair.ts';

const order: EstimateOrder = {
  kind: 'estimate',
  version: wireVersion,
  filter: { expression_text: '', any_tags_text: '', own_tags_text: '' },
  from: 0n,
  to: 1n,
};

describe('ipc bus through a relay', () => {
  busSuite(async (): Promise<BusPair> => {
    const relay = createRelay();
    const [controlEnd, controlHub] = linkPair();
    const [sensorEnd, sensorHub] = linkPair();
    relay.attach(controlAddress, controlHub);
    relay.attach(sensorAddress('s1'), sensorHub);
    const sensor = ipcSensorBus(sensorEnd, 's1');
    return {
      control: ipcControlBus(controlEnd),
      sensor,
      sensor_name: 's1',
      cut: async () => sensorHub.close(),
    };
  });
});

describe('names that others have too', () => {
  test.each(['control', 'sensor', 'sensor/s1', 'absent', '__proto__', 'the supervisor'])(
    'a sensor named %s takes nobody’s place',
    async (name) => {
      const relay = createRelay();
      const [controlEnd, controlHub] = linkPair();
      const [sensorEnd, sensorHub] = linkPair();
      relay.attach(controlAddress, controlHub);
      relay.attach(sensorAddress(name), sensorHub);
      const [control, sensor] = [ipcControlBus(controlEnd), ipcSensorBus(sensorEnd, name)];
      control.serve(async (message) => ({ kind: 'work', generation: BigInt(message.sensor.length), assignments: [] }));
      sensor.serve({
        nudge: () => undefined,
        lookback: () => raise('lookback_busy', { limit: 0 }),
        estimate: async () => ({ kind: 'tally', interfaces: [] }),
      });
      const asked = { kind: 'desired', version: wireVersion, sensor: name, epoch: 'e' } as const;
      expect(await sensor.request(asked, { timeout_ms: 60_000 })).toMatchObject({ generation: BigInt(name.length) });
      expect(await control.estimate(name, order, { timeout_ms: 60_000 })).toEqual({ kind: 'tally', interfaces: [] });
    },
  );
});

describe('a control that is started again', () => {
  /** A relay with a sensor that answers when it is let, and the controls that come one after the other. */
  const world = () => {
    const relay = createRelay();
    const [sensorEnd, sensorHub] = linkPair();
    relay.attach(sensorAddress('s1'), sensorHub);
    const asked: { readonly signal: AbortSignal; readonly answer: (packets: bigint) => void }[] = [];
    ipcSensorBus(sensorEnd, 's1').serve({
      nudge: () => undefined,
      lookback: () => raise('lookback_busy', { limit: 0 }),
      estimate: async (_order, signal) => {
        const { promise, resolve } = Promise.withResolvers<bigint>();
        asked.push({ signal, answer: resolve });
        return { kind: 'refused', fault: { name: 'internal', code: 1012, message: `for ${await promise}` } };
      },
    });
    const startControl = (): { readonly bus: ControlBus; readonly hub: Link } => {
      const [end, hub] = linkPair();
      relay.attach(controlAddress, hub);
      return { bus: ipcControlBus(end), hub };
    };
    const many = async (count: number): Promise<void> =>
      void (await waitFor(() => asked.length === count, { what: `${count} questions` }));
    return { asked, many, startControl };
  };

  test.each(['when the old one is gone', 'while the old one’s pipe is still open'])(
    'gets no answer that its predecessor asked for, %s',
    async (when) => {
      const { asked, many, startControl } = world();
      const first = startControl();
      const lost = first.bus.estimate('s1', order, { timeout_ms: 60_000 }).catch((error: unknown) => error);
      await many(1);
      if (when === 'when the old one is gone') first.hub.close();
      const second = startControl();
      const own = second.bus.estimate('s1', order, { timeout_ms: 60_000 });
      await many(2);
      asked[0]?.answer(1n);
      asked[1]?.answer(2n);
      expect(await own).toMatchObject({ fault: { message: 'for 2' } });
      first.hub.close();
      await lost;
    },
  );

  test('a question whose asker is gone is cancelled', async () => {
    const { asked, many, startControl } = world();
    const first = startControl();
    const lost = first.bus.estimate('s1', order, { timeout_ms: 60_000 }).catch((error: unknown) => error);
    await many(1);
    first.hub.close();
    await waitFor(() => asked[0]?.signal.aborted === true, { what: 'it to be cancelled' });
    await lost;
  });

  test('one whose asker is gone is cancelled where its successor asks already', async () => {
    const { asked, many, startControl } = world();
    const first = startControl();
    const lost = first.bus.estimate('s1', order, { timeout_ms: 60_000 }).catch((error: unknown) => error);
    await many(1);
    const own = startControl().bus.estimate('s1', order, { timeout_ms: 60_000 });
    await many(2);
    first.hub.close();
    await waitFor(() => asked[0]?.signal.aborted === true, { what: 'it to be cancelled' });
    expect(asked[1]?.signal.aborted).toBe(false);
    asked[1]?.answer(2n);
    expect(await own).toMatchObject({ fault: { message: 'for 2' } });
    await lost;
  });
});

describe('a sensor that is started again', () => {
  test('gets no answer that its predecessor asked for', async () => {
    const relay = createRelay();
    const [controlEnd, controlHub] = linkPair();
    relay.attach(controlAddress, controlHub);
    const answers = new Map<string, (generation: bigint) => void>();
    ipcControlBus(controlEnd).serve(async ({ epoch }) => {
      const { promise, resolve } = Promise.withResolvers<bigint>();
      answers.set(epoch, resolve);
      return { kind: 'work', generation: await promise, assignments: [] };
    });
    const ask = (epoch: string): Promise<ControlReply> => {
      const [end, hub] = linkPair();
      relay.attach(sensorAddress('s1'), hub);
      const message = { kind: 'desired', version: wireVersion, sensor: 's1', epoch } as const;
      return ipcSensorBus(end, 's1').request(message, { timeout_ms: 60_000 });
    };
    void ask('old').catch(() => undefined);
    const asked = ask('new');
    await waitFor(() => answers.size === 2, { what: 'both questions' });
    answers.get('old')?.(1n);
    answers.get('new')?.(2n);
    expect(await asked).toMatchObject({ generation: 2n });
  });
});

describe('a question that a process takes with it', () => {
  const ask = (sensor: string, epoch: string): SensorRequest => ({
    kind: 'desired',
    version: wireVersion,
    sensor,
    epoch,
  });

  test('is over at once; one to its successor is not', async () => {
    const relay = createRelay();
    const [sensorEnd, sensorHub] = linkPair();
    const [, deadHub] = linkPair();
    relay.attach(sensorAddress('s1'), sensorHub);
    relay.attach(controlAddress, deadHub);
    const sensor = ipcSensorBus(sensorEnd, 's1');
    const lost = sensor.request(ask('s1', 'lost'), { timeout_ms: 60_000 });
    await delay(20);
    const [controlEnd, controlHub] = linkPair();
    relay.attach(controlAddress, controlHub);
    const answer = Promise.withResolvers<ControlReply>();
    ipcControlBus(controlEnd).serve(async () => await answer.promise);
    const asked = sensor.request(ask('s1', 'new'), { timeout_ms: 60_000 });
    await delay(20);
    deadHub.close();
    await expect(lost).rejects.toMatchObject({ faults: [{ name: 'bus_closed' }] });
    answer.resolve({ kind: 'work', generation: 1n, assignments: [] });
    expect(await asked).toEqual({ kind: 'work', generation: 1n, assignments: [] });
  });
});

test('an answer that fails for what no catalogue knows is told in its own words', async () => {
  const [controlEnd, sensorEnd] = linkPair();
  const [control, sensor] = [ipcControlBus(controlEnd), ipcSensorBus(sensorEnd, 's1')];
  control.serve(async () => {
    throw new RangeError('edgetap.db: input/output error (EIO)');
  });
  const failed = { name: 'bus_answer_failed', code: 1811 };
  expect(
    await sensor.request({ kind: 'desired', version: wireVersion, sensor: 's1', epoch: 'e' }, { timeout_ms: 60_000 }),
  ).toEqual({
    kind: 'refused',
    fault: { ...failed, message: 'The question could not be answered: edgetap.db: input/output error (EIO)' },
  });
});

describe('ipc bus over real processes', () => {
  const children: ReturnType<typeof fork>[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });
  const forkSensor = (): ReturnType<typeof fork> => {
    const child = fork(new URL('../../test/support/bus_sensor.ts', import.meta.url), ['s1'], {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc', 'pipe'],
    });
    children.push(child);
    return child;
  };

  test('a forked sensor asks and answers; killed and forked again, it is there again', async () => {
    const relay = createRelay();
    const [controlEnd, controlHub] = linkPair();
    relay.attach(controlAddress, controlHub);
    const control = ipcControlBus(controlEnd);
    let hello = Promise.withResolvers<string>();
    control.serve(async (message) => {
      hello.resolve(message.epoch);
      return { kind: 'work', generation: 9n, assignments: [] };
    });
    const lookback = async (): Promise<number> => {
      let bytes = 0;
      const request = {
        kind: 'lookback' as const,
        version: wireVersion,
        filter: { expression_text: '', any_tags_text: '', own_tags_text: '' },
        from: 0n,
        to: 1n,
        packet_limit: 3,
      };
      for await (const reply of control.lookback('s1', request, { timeout_ms: 100_000 })) {
        if (reply.kind === 'records') bytes += reply.records.length;
      }
      return bytes;
    };
    for (let round = 0; round < 2; round += 1) {
      hello = Promise.withResolvers<string>();
      const child = forkSensor();
      relay.attach(
        sensorAddress('s1'),
        socketLink((take) => (child.stdio[4] as Duplex).on('data', take), 's1'),
      );
      expect(await hello.promise).toBe(String(child.pid));
      expect(await lookback()).toBe(3 * 1_000_000);
      child.kill('SIGKILL');
      await once(child, 'exit');
      await expect(lookback()).rejects.toThrow(/closed/);
    }
  });

  test.each([
    ['breaks the rules', (pipe: Duplex) => void pipe.write(Buffer.alloc(8, 0xff))],
    ['is closed', (pipe: Duplex) => void pipe.destroy()],
  ])('a child whose pipe %s lets go of its supervisor, and ends', async (_what, spoil) => {
    const child = forkSensor();
    const ended = once(child, 'exit');
    spoil((child.stdio[4] as Duplex).on('error', () => undefined));
    expect(await ended).toEqual([0, null]);
  });
});
