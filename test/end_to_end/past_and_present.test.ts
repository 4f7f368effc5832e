import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { type NumberedTraffic, numberOf, startNumberedTraffic } from '../support/numbered_traffic.ts';
import { parsePcap, type SamplePacket } from '../support/packet_samples.ts';
import { pcapngBlocks } from '../support/pcapng_blocks.ts';
import { runClean, scratchFolder } from '../support/packet_tools.ts';
import { readPackets } from '../support/read_packets.ts';
import { type Served, startServe } from '../support/serve.ts';
import {
  captureBecomes,
  createCapture,
  deliveredFile,
  provedFileBucket,
  type ShownCapture,
  showCapture,
  stopCapture,
} from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';
import { allArmed, sensorsOf } from './shown_sensors.ts';
import { endsAsCovered } from '../support/ends_as_covered.ts';
import { soak } from '../support/soak.ts';

const scratch = scratchFolder();
const frame_bytes = 400;
/** So few that the past is short of 10,000 packets however far apart the two interfaces arm on a busy machine. */
const frames_per_s = 100;
const sample_bytes = 160;
/** The numbers of one interface's frames begin at a multiple of it. */
const series_size = 1_000_000_000;

let pairs: readonly NamespacePair[];
let traffic: readonly NumberedTraffic[];
let served: Served;
let bucket: string;

beforeAll(async () => {
  pairs = [await createNamespacePair(), await createNamespacePair()];
  served = await startServe({
    interfaces: pairs.map(({ near }) => near.name),
    // Every packet is kept, whatever comes.
    env: { EDGETAP_PACKETS_MAX: '1000000', EDGETAP_SAMPLE_RATE: '1' },
  });
  bucket = await provedFileBucket(served);
  traffic = pairs.map(({ far }, index) =>
    startNumberedTraffic(far, { frames_per_s, frame_bytes, first: index * series_size }),
  );
  await sends(300);
});
afterAll(async () => {
  for (const one of traffic ?? []) one.stop();
  await served?.remove();
  for (const pair of pairs ?? []) await pair.remove();
});

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until so many more are sent on each. */
async function sends(count: number): Promise<void> {
  const until = traffic.map((one) => one.next() + count);
  await waitFor(() => traffic.every((one, index) => one.next() >= (until[index] ?? 0)), { what: 'frames to be sent' });
}

const full = (more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  type: 'full',
  time_limit: 3600,
  lookback: 300,
  colo_name: 'lab01',
  destination_conf: bucket,
  ...more,
});

/** Captures some frames of each, and stops. Gives the numbers that were next when it was asked for, and before its stop. */
async function capture(
  more: Readonly<Record<string, unknown>> = {},
): Promise<{ capture: ShownCapture; before: readonly number[]; after: readonly number[] }> {
  const before = traffic.map((one) => one.next());
  const { id } = await createCapture(served, full(more));
  await allArmed(served, id);
  await sends(60);
  const after = traffic.map((one) => one.next());
  await pause(50);
  await stopCapture(served, id);
  return { capture: await endsAsCovered(served, id), before, after };
}

function isSample({ data, original }: SamplePacket): boolean {
  return data.length === sample_bytes && original === frame_bytes;
}

function isWhole({ data, original }: SamplePacket): boolean {
  return data.length === frame_bytes && original === frame_bytes;
}

/** Each interface's packets: samples, then whole ones, every number exactly once. Gives where the whole ones begin. */
function seams(packets: readonly SamplePacket[]): readonly { past: SamplePacket[]; present: SamplePacket[] }[] {
  const times = packets.map(({ time }) => time);
  expect(times.every((time, index) => time >= (times[index - 1] ?? 0n))).toBe(true);
  return pairs.map((_, index) => {
    const own = packets.filter(({ data }) => Math.floor(numberOf(data) / series_size) === index);
    const first = numberOf(own[0]?.data ?? new Uint8Array(18));
    expect(own.filter(({ data }, place) => numberOf(data) !== first + place)).toEqual([]);
    const past = own.filter(isSample);
    const present = own.slice(past.length);
    expect(own.slice(0, past.length)).toEqual(past);
    expect(present.filter((packet) => !isWhole(packet))).toEqual([]);
    return { past, present };
  });
}

/** What a capture says of itself is what is in its file. */
function checkAccount(done: ShownCapture, parts: ReturnType<typeof seams>): void {
  const sum = (of: (part: (typeof parts)[number]) => number): number =>
    parts.reduce((total, one) => total + of(one), 0);
  expect(done).toMatchObject({
    lookback: 300,
    packets_captured: sum(({ present }) => present.length),
    packets_past: sum(({ past }) => past.length),
    packets_dropped: 0,
  });
  for (const [index, sensor] of sensorsOf(done).entries()) {
    const { past, present } = parts[index] ?? { past: [], present: [] };
    expect((sensor.packets ?? 0) - (sensor.cut ?? 0)).toBe(present.length);
    expect(sensor.past).toMatchObject({
      packets: past.length,
      bytes: past.length * sample_bytes,
      dropped: 0,
      sample_rate: 1,
    });
    expect(sensor.past).not.toHaveProperty('error');
  }
}

describe('over two interfaces', () => {
  test('pcap: every packet exactly once across the beginning, samples before it and whole ones after it', async () => {
    const { capture: done, before, after } = await capture();
    const parts = seams(parsePcap(deliveredFile(bucket, done.id)).packets);
    for (const [index, { past, present }] of parts.entries()) {
      // All that was sent before it was asked for is in the past, and all after everything had armed in the present.
      expect(numberOf(past.at(-1)?.data ?? new Uint8Array(18))).toBeGreaterThanOrEqual((before[index] ?? NaN) - 1);
      expect(numberOf(present.at(-1)?.data ?? new Uint8Array(18))).toBeGreaterThanOrEqual((after[index] ?? NaN) - 1);
      expect(past.length).toBeGreaterThan(250);
      expect(present.length).toBeGreaterThan(50);
    }
    checkAccount(done, parts);
    // Sampling began less than five minutes ago, which is said.
    for (const sensor of sensorsOf(done)) expect(sensor.past?.coverage).toContain('before the oldest sample');
  });

  test('pcapng: two descriptions for each interface say which is which, with statistics of their own', async () => {
    const { capture: done } = await capture({ format: 'pcapng', lookback: 1 });
    const file = deliveredFile(bucket, done.id, 'pcapng');
    const blocks = pcapngBlocks(file);
    const described = blocks.filter(({ type }) => type === 1);
    const names = pairs.map(({ near }) => near.name);
    expect(described.map(({ options }) => [options.get(2)?.toString(), options.get(1)?.toString()])).toEqual([
      ...names.map((name) => [name, 'samples, 1 in 1 kept, first 160 bytes']),
      ...names.map((name) => [name, 'full capture']),
    ]);
    const { packets, interfaces } = readPackets([file]);
    const parts = seams(packets);
    const counted = blocks.filter(({ type }) => type === 5);
    expect(counted.map(({ body, options }) => [body.readUInt32LE(), options.get(8)?.readBigUInt64LE()])).toEqual([
      ...parts.map(({ past }, index) => [index, BigInt(past.length)]),
      ...parts.map(({ present }, index) => [index + 2, BigInt(present.length)]),
    ]);
    // The past ends where the present begins, at the same nanosecond: isb_endtime and isb_starttime.
    const moment = (index: number, option: number): bigint => {
      const value = counted[index]?.options.get(option) ?? Buffer.alloc(8);
      return (BigInt(value.readUInt32LE()) << 32n) | BigInt(value.readUInt32LE(4));
    };
    const begun = parts.map((_, index) => moment(index + 2, 2));
    const first = begun.reduce((one, other) => (other < one ? other : one));
    for (const [index, { past, present }] of parts.entries()) {
      const armed_at = moment(index + 2, 2);
      expect(moment(index, 3)).toBe(armed_at);
      // That of each reaches as far back as that of the first to begin; how much later it began is measured by a clock that nobody sets.
      const from = moment(index, 2);
      if (armed_at === first) expect(from).toBe(first - 1_000_000_000n);
      expect(Math.abs(Number(from - (first - 1_000_000_000n)))).toBeLessThan(10_000_000);
      expect(past.filter(({ time }) => time < from || time >= armed_at)).toEqual([]);
      expect(present.filter(({ time }) => time < armed_at)).toEqual([]);
      // A second's worth, or less where the sender of the test was late.
      expect(past.length).toBeGreaterThan(0);
    }
    expect(packets.filter((packet, at) => isSample(packet) !== (interfaces[at] ?? 9) < 2)).toEqual([]);
    const path = scratch('past.pcapng', file);
    expect(runClean('capinfos', ['-M', '-T', '-r', '-c', path])).toBe(`${path}\t${packets.length}\n`);
    expect(runClean('tcpdump', ['-n', '-r', path, '--count'])).toBe(`${packets.length} packets\n`);
    for (const sensor of sensorsOf(done)) expect(sensor.past).not.toHaveProperty('coverage');
  });

  test('the limits are for the present alone, and exact', async () => {
    const asks = [
      { packet_limit: 500 },
      { packet_limit: 1 },
      { byte_limit: 100 * frame_bytes + 1 },
      { packet_limit: 333, format: 'pcapng' },
    ];
    const counts = [500, 1, 100, 333];
    const ids = await Promise.all(asks.map(async (ask) => (await createCapture(served, full(ask))).id));
    for (const [index, id] of ids.entries()) {
      const done = await endsAsCovered(served, id);
      const { packets } = readPackets([deliveredFile(bucket, id, asks[index]?.format)]);
      expect(packets.filter(isWhole)).toHaveLength(counts[index] ?? NaN);
      expect(done).toMatchObject({
        packets_captured: counts[index],
        packets_past: packets.filter(isSample).length,
      });
      expect(packets.length).toBe(packets.filter(isWhole).length + packets.filter(isSample).length);
      const pasts = pairs.map((_, side) =>
        packets.filter((packet) => isSample(packet) && Math.floor(numberOf(packet.data) / series_size) === side),
      );
      for (const past of pasts) {
        const numbers = past.map(({ data }) => numberOf(data));
        expect(numbers.filter((number, place) => number !== (numbers[0] ?? 0) + place)).toEqual([]);
        expect(past.length).toBeGreaterThan(250);
      }
    }
  });

  test('the newest 10,000 of both are the past, and it says that there are older ones', async () => {
    for (let turn = 0; turn < 80; turn += 1) for (const one of traffic) one.burst(100);
    const { capture: done } = await capture();
    const parts = seams(parsePcap(deliveredFile(bucket, done.id)).packets);
    expect(done['packets_past']).toBe(10_000);
    checkAccount(done, parts);
    // They took turns, so each has half of it, but for a turn or two and what was sent between its arming and the other's.
    for (const { past } of parts) expect(past.length).toBeGreaterThan(4000);
    expect(sensorsOf(done).map(({ past }) => past?.truncated)).toEqual([true, true]);
  });

  test('the same filter is for both', async () => {
    const { capture: done } = await capture({ filter_expression: 'ether[14:4] & 1 = 1' });
    const { packets } = parsePcap(deliveredFile(bucket, done.id));
    expect(packets.filter(({ data }) => numberOf(data) % 2 !== 1)).toEqual([]);
    expect(packets.some(isSample) && packets.some(isWhole)).toBe(true);
    const none = await capture({ filter_expression: 'udp port 9', format: 'pcapng' });
    expect(none.capture).toMatchObject({ packets_captured: 0, packets_past: 0 });
    const described = pcapngBlocks(deliveredFile(bucket, none.capture.id, 'pcapng')).filter(({ type }) => type === 1);
    expect(described).toHaveLength(4);
  });

  test('one that is stopped at once has its past, if anything armed', async () => {
    const { id } = await createCapture(served, full());
    await stopCapture(served, id);
    const done = await endsAsCovered(served, id);
    const { packets } = parsePcap(deliveredFile(bucket, id));
    expect(packets.filter(isSample)).toHaveLength(Number(done['packets_past']));
    const armed = sensorsOf(done).filter((sensor) => sensor.past !== undefined);
    expect(Number(done['packets_past']) > 0).toBe(armed.length > 0);
  });

  test('nothing of it stays in staging', async () => {
    const staging = join(served.data_dir, 'staging');
    expect(existsSync(staging)).toBe(true);
    await waitFor(() => readdirSync(staging).length === 0, { what: 'staging to be empty' });
  });
});

describe('when something dies', () => {
  test(`control, killed between arming and fetching: both are delivered, ${2 * soak} times`, async () => {
    for (let round = 0; round < 2 * soak; round += 1) {
      const { id } = await createCapture(served, full());
      const spool = join(served.data_dir, 'sensor', 'spool', id);
      // As soon as the sensor has written down that both armed: the second, at least, is not told and fetched yet.
      const isArmed = (name: string): boolean =>
        name.endsWith('state.json') && readFileSync(join(spool, name), 'utf8').includes('"phase":"armed"');
      await waitFor(() => existsSync(spool) && readdirSync(spool).filter(isArmed).length === pairs.length, {
        what: 'the parts to be armed',
        every_ms: 1,
      });
      process.kill(served.pidOf('control'), 'SIGKILL');
      await waitFor(async () => sensorsOf(await showCapture(served, id)).every((sensor) => sensor.past !== undefined), {
        what: 'control to be back, and to have fetched the pasts',
      });
      await pause(200);
      await stopCapture(served, id);
      const done = await endsAsCovered(served, id);
      const parts = seams(parsePcap(deliveredFile(bucket, id)).packets);
      checkAccount(done, parts);
      for (const { past, present } of parts) expect([past.length > 0, present.length > 0]).toEqual([true, true]);
    }
  });

  test('the sensor, killed while it captures: what reached the disk comes after its past', async () => {
    const { id } = await createCapture(served, full());
    await allArmed(served, id);
    await pause(500);
    process.kill(served.pidOf('sensor'), 'SIGKILL');
    const done = await captureBecomes(served, id, ['complete']);
    const parts = seams(parsePcap(deliveredFile(bucket, id)).packets);
    for (const { past, present } of parts) expect([past.length > 0, present.length > 0]).toEqual([true, true]);
    expect(done).toMatchObject({ packets_past: parts.reduce((sum, { past }) => sum + past.length, 0) });
  });
});
