import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import type { ControlReply, SensorRequest } from '../wire/sensor_messages.ts';
import { wireVersion } from '../wire/version.ts';
import { type BusPair, busSuite } from './bus_suite.ts';
import { ipcControlBus, ipcSensorBus } from './ipc.ts';
import { createRelay } from './relay.ts';
import { socketLink } from './socket_link.ts';
import { linkPair } from './test_link_pair.ts';

describe('ipc bus through a relay', () => {
  busSuite(async (): Promise<BusPair> => {
    const relay = createRelay();
    const [controlEnd, controlHub] = linkPair();
    const [sensorEnd, sensorHub] = linkPair();
    relay.attach('control', controlHub);
    relay.attach('s1', sensorHub);
    const sensor = ipcSensorBus(sensorEnd, 's1');
    return {
      control: ipcControlBus(controlEnd),
      sensor,
      sensor_name: 's1',
      cut: async () => sensorHub.close(),
    };
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
    relay.attach('s1', sensorHub);
    relay.attach('control', deadHub);
    const sensor = ipcSensorBus(sensorEnd, 's1');
    const lost = sensor.request(ask('s1', 'lost'), { timeout_ms: 60_000 });
    await delay(20);
    const [controlEnd, controlHub] = linkPair();
    relay.attach('control', controlHub);
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
    relay.attach('control', controlHub);
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
        's1',
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
