import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { numberedFrames, numberOf } from '../fixtures/numbered_frames.ts';
import { type Flood, startFlood } from '../support/flood.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { parsePcap, type SamplePacket } from '../support/packet_samples.ts';
import { openFrameSender, replayFrames } from '../support/replay_frames.ts';
import { type Served, startServe } from '../support/serve.ts';
import {
  captureBecomes,
  createCapture,
  deliveredFile,
  downloadFile,
  provedFileBucket,
  type ShownCapture,
  showCapture,
  stopCapture,
} from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';
import { allArmed, sensorsOf } from './shown_sensors.ts';

const length = 100;
/** What the clock that stamps packets may be moved by within a second, against the one that limits time. */
const clock_ms = 1;
let pair: NamespacePair;
let served: Served;
let bucket: string;
let flood: Flood | undefined;

beforeAll(async () => {
  pair = await createNamespacePair();
  served = await startServe({
    interfaces: [pair.near.name],
    // Look-backs have a test of their own; at full speed they would only fill the disk.
    env: { EDGETAP_PACKETS_MAX: '1000000', EDGETAP_SAMPLE_RATE: '1000' },
  });
  bucket = await provedFileBucket(served);
});
afterAll(async () => {
  await flood?.stop();
  await served?.remove();
  await pair?.remove();
});

async function begin(limits: Readonly<Record<string, unknown>>): Promise<ShownCapture> {
  const body = { type: 'full', time_limit: 86_400, colo_name: 'lab01', destination_conf: bucket };
  return await createCapture(served, { ...body, ...limits });
}

/** The packets of a capture that has ended well, in ascending time, and its counts true to them. What it lost, as on a busy machine, is told. */
async function result(id: string): Promise<{ capture: ShownCapture; packets: readonly SamplePacket[] }> {
  const capture = await captureBecomes(served, id, ['success', 'complete']);
  const dropped = Number(capture['packets_dropped']);
  const told = dropped === 0 ? '' : expect.stringMatching(`${dropped} of the packets that match were lost`);
  expect([capture.status, capture['error_message'] ?? '']).toEqual([dropped === 0 ? 'success' : 'complete', told]);
  const { packets } = parsePcap(deliveredFile(bucket, id));
  const bytes = packets.reduce((sum, { data }) => sum + data.length, 0);
  expect(capture).toMatchObject({ packets_captured: packets.length });
  expect(sensorsOf(capture)).toMatchObject([{ status: 'done', packets: packets.length, bytes, cut: 0 }]);
  const times = packets.map(({ time }) => time);
  expect(times.every((time, index) => index === 0 || time >= (times[index - 1] ?? 0n))).toBe(true);
  return { capture, packets };
}

/** Packets that the near side has received, as the kernel counts them. */
const received = (): number => Number(readFileSync(`/sys/class/net/${pair.near.name}/statistics/rx_packets`, 'utf8'));

const reasonOf = (capture: ShownCapture): unknown => sensorsOf(capture)[0]?.stop_reason;

describe('under full load', () => {
  beforeAll(async () => {
    flood = await startFlood(
      pair.far,
      numberedFrames(2000, 4000, () => length),
    );
  });
  afterAll(async () => {
    const sent = await flood?.stop();
    flood = undefined;
    expect(sent).toBeGreaterThan(100_000);
  });

  test('packet_limit: not one more, not one less, by three captures at once', async () => {
    const wanted = [1, 10_000, 100_000];
    const ids = await Promise.all(wanted.map(async (packet_limit) => (await begin({ packet_limit })).id));
    for (const [index, id] of ids.entries()) {
      const { capture, packets } = await result(id);
      expect(packets).toHaveLength(wanted[index] ?? -1);
      expect(reasonOf(capture)).toBe('packet_limit');
    }
  });

  test('byte_limit: the longest beginning that is not above it', async () => {
    const wanted = [
      { byte_limit: 2_000_000, packets: 20_000 },
      { byte_limit: 2_000_099, packets: 20_000 },
      { byte_limit: 99, packets: 0 },
      { byte_limit: 100, packets: 1 },
    ];
    const ids = await Promise.all(wanted.map(async ({ byte_limit }) => (await begin({ byte_limit })).id));
    for (const [index, id] of ids.entries()) {
      const { capture, packets } = await result(id);
      expect(packets).toHaveLength(wanted[index]?.packets ?? -1);
      expect(reasonOf(capture)).toBe('byte_limit');
    }
  });

  test('of two limits the nearer one', async () => {
    const nearer = await begin({ packet_limit: 1000, byte_limit: 1_000_000_000 });
    const farther = await begin({ packet_limit: 1_000_000, byte_limit: 100_000 });
    const [one, other] = [await result(nearer.id), await result(farther.id)];
    expect([one.packets.length, reasonOf(one.capture)]).toEqual([1000, 'packet_limit']);
    expect([other.packets.length, reasonOf(other.capture)]).toEqual([1000, 'byte_limit']);
  });

  test('time_limit: no packet from after it', async () => {
    const { id } = await begin({ time_limit: 1 });
    const { capture, packets } = await result(id);
    expect(reasonOf(capture)).toBe('time_limit');
    expect(packets.length).toBeGreaterThan(0);
    // An end that was noticed late has nothing from after it, and one that is within 20 ms was not late.
    const span_ms = Number((packets.at(-1)?.time ?? 0n) - (packets.at(0)?.time ?? 0n)) / 1e6;
    expect(span_ms).toBeLessThanOrEqual(1000 + 20 + clock_ms);
  });

  test('stop: with all that came before it', async () => {
    const { id } = await begin({});
    await allArmed(served, id);
    await stopCapture(served, id);
    const { capture, packets } = await result(id);
    expect(reasonOf(capture)).toBe('stopped');
    expect(packets.length).toBeGreaterThan(0);
  });
});

test('two senders at once: still in the order of time', async () => {
  const frames = numberedFrames(500, 4003);
  const floods = await Promise.all([startFlood(pair.far, frames), startFlood(pair.far, frames)]);
  const { id } = await begin({ packet_limit: 50_000 });
  const { packets } = await result(id);
  await Promise.all(floods.map(async (flood) => await flood.stop()));
  expect(packets).toHaveLength(50_000);
});

test('what the ring could not hold is counted: nothing is lost in silence', async () => {
  const { id } = await begin({});
  await allArmed(served, id);
  const before = received();
  const sensor = served.pidOf('sensor');
  process.kill(sensor, 'SIGSTOP');
  try {
    // Ten times what the ring holds.
    const frames = numberedFrames(1000, 4004, () => 1000);
    const sender = openFrameSender(pair.far);
    const prepared = sender.prepare(frames);
    for (let round = 0; round < 400; round += 1) {
      prepared.send();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    sender.close();
  } finally {
    process.kill(sensor, 'SIGCONT');
  }
  await stopCapture(served, id);
  const { capture, packets } = await result(id);
  const dropped = Number(capture['packets_dropped']);
  expect(dropped).toBeGreaterThan(1000);
  expect(packets.length + dropped).toBe(received() - before);
});

test('counts are refreshed while it runs', async () => {
  // Nothing ends it before the count is there.
  const { id } = await begin({ time_limit: 86_400 });
  await allArmed(served, id);
  replayFrames(pair.far, numberedFrames(7, 4005));
  const counted = await waitFor(
    async () => {
      const capture = await showCapture(served, id);
      return capture['packets_captured'] === 7 ? capture : undefined;
    },
    { what: 'the count' },
  );
  expect(counted).toMatchObject({ status: 'running', packets_dropped: 0 });
  await stopCapture(served, id);
  expect((await result(id)).packets).toHaveLength(7);
});

test('packets of many lengths: the next one would have been too much', async () => {
  const frames = numberedFrames(4000, 4001, (number) => 60 + ((number * 37) % 1400));
  const limits = [1, 5000, 123_456, 1_000_000];
  const ids = await Promise.all(limits.map(async (byte_limit) => (await begin({ byte_limit })).id));
  await Promise.all(ids.map(async (id) => await allArmed(served, id)));
  for (let at = 0; at < frames.length; at += 200) {
    replayFrames(pair.far, frames.slice(at, at + 200));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  for (const [index, id] of ids.entries()) {
    const { packets } = await result(id);
    expect(packets.map(({ data }) => numberOf(data))).toEqual(packets.map((_, number) => number));
    const bytes = packets.reduce((sum, { data }) => sum + data.length, 0);
    expect(bytes).toBeLessThanOrEqual(limits[index] ?? 0);
    expect(bytes + (frames[packets.length]?.length ?? 0)).toBeGreaterThan(limits[index] ?? 0);
  }
});

describe('on an idle interface', () => {
  test('time_limit ends it, with an empty file', async () => {
    const { id } = await begin({ time_limit: 1 });
    const { capture, packets } = await result(id);
    expect(packets).toEqual([]);
    expect(capture).toMatchObject({ packets_captured: 0, packets_dropped: 0 });
    expect(reasonOf(capture)).toBe('time_limit');
  });

  test('stop ends it long before its time, and every stop after is well too', async () => {
    const { id } = await begin({ time_limit: 86_400 });
    await allArmed(served, id);
    await stopCapture(served, id);
    await stopCapture(served, id);
    const { capture, packets } = await result(id);
    expect(packets).toEqual([]);
    expect(reasonOf(capture)).toBe('stopped');
    await stopCapture(served, id);
    expect(await showCapture(served, id)).toEqual(capture);
  });
});

describe('stopped while no sensor has begun', () => {
  afterAll(() => process.kill(served.pidOf('sensor'), 'SIGCONT'));

  test('an empty file, and the sensor never begins', async () => {
    const sensor = served.pidOf('sensor');
    process.kill(sensor, 'SIGSTOP');
    const { id, status } = await begin({});
    expect(status).toBe('pending');
    await stopCapture(served, id);
    const capture = await captureBecomes(served, id, ['success']);
    expect(capture).toMatchObject({ packets_captured: 0, stop_requested: expect.any(String) as unknown });
    expect(parsePcap(deliveredFile(bucket, id)).packets).toEqual([]);
    expect(parsePcap(await downloadFile(served, id)).packets).toEqual([]);
    process.kill(sensor, 'SIGCONT');
    // The next one is the same sensor's.
    const next = await begin({ packet_limit: 2 });
    await allArmed(served, next.id);
    replayFrames(pair.far, numberedFrames(3, 4002));
    const { packets } = await result(next.id);
    expect(packets.map(({ data }) => numberOf(data))).toEqual([0, 1]);
    expect(served.pidOf('sensor')).toBe(sensor);
    expect(await showCapture(served, id)).toEqual(capture);
  });
});
