import * as fc from 'fast-check';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FilterV1 } from '../../src/model/filter_v1.ts';
import { formatTime } from '../../src/model/time.ts';
import { frameMatches } from '../filters/frame_matches.ts';
import { filterV1 } from '../filters/random_filter.ts';
import { type Frame, frameBytes, packetsOf, wholeFrame } from '../filters/random_frame.ts';
import { spelledOut, tcpdumpFilter } from '../filters/tcpdump_filter.ts';
import { numberedFrames, numberOf } from '../fixtures/numbered_frames.ts';
import { startFlood } from '../support/flood.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { parsePcap } from '../support/packet_samples.ts';
import { runs } from '../support/packet_tools.ts';
import { pcapngBlocks } from '../support/pcapng_blocks.ts';
import { openFrameSender, replayFrames } from '../support/replay_frames.ts';
import { type Served, startServe } from '../support/serve.ts';
import { captureBecomes, createCapture, downloadFile, type ShownCapture } from '../support/take_captures.ts';
import { startTcpdump, type TcpdumpCapture } from '../support/tcpdump_peer.ts';
import { waitFor } from '../support/wait_for.ts';
import { packetLines } from './packet_lines.ts';
import { sensorsOf } from './shown_sensors.ts';
import { endsAsCovered } from '../support/ends_as_covered.ts';

const second = 1_000_000_000n;
const sample_bytes = 160;
let pair: NamespacePair;
let served: Served;

beforeAll(async () => {
  pair = await createNamespacePair();
  served = await startServe({ interfaces: [pair.near.name] });
});
afterAll(async () => {
  await served?.remove();
  await pair?.remove();
});

/** Asks, waits, downloads. */
async function lookBack(
  from: Served,
  ask: Readonly<Record<string, unknown>>,
): Promise<{ capture: ShownCapture; file: Buffer }> {
  const { id } = await createCapture(from, { type: 'simple', time_limit: 60, packet_limit: 10_000, ...ask });
  return await answerOf(from, id);
}

async function answerOf(from: Served, id: string): Promise<{ capture: ShownCapture; file: Buffer }> {
  const capture = await endsAsCovered(from, id);
  return { capture, file: await downloadFile(from, id) };
}

/** Packets of a look-back on one interface, as its account has them. */
function found(capture: ShownCapture): number {
  return sensorsOf(capture)[0]?.packets ?? NaN;
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/** RFC 3339 to the nanosecond. */
function timeText(time: bigint): string {
  return formatTime(time).replace('Z', `${String(time % 1000n).padStart(3, '0')}Z`);
}

test('asked for once, right after it was made, one up to now can have ended', async () => {
  // On a machine that is busy with other tests, not each.
  for (let status: unknown; status !== 'complete'; ) {
    const { id } = await createCapture(served, { type: 'simple', time_limit: 300, packet_limit: 10 });
    status = (await served.call('GET', `/pcaps/${id}`)).body.result['status'];
    // Sampling has not gone on for so long yet.
    expect(status).not.toBe('success');
  }
});

describe('what is found is what a pass over all packets finds', () => {
  const frames: readonly Frame[] = fc.sample(wholeFrame, { numRuns: 3000, seed: 23 });
  const expressions = [
    'tcp or udp port 53',
    'not tcp',
    'not (host 10.0.0.1 or arp)',
    'ip6 and not port 80',
    'ip[6:2] & 0x1fff != 0',
    'icmp or icmp6 or sctp',
    'len > 80 and ip',
    'vlan 100',
    'vlan and vlan and ip6',
    'not vlan',
  ];
  /** What was sent, as tcpdump saw it come. */
  let sent: TcpdumpCapture;
  /** By expression, the times of the packets that tcpdump picks out of its own file. */
  const picked = new Map<string, ReadonlySet<string>>();

  beforeAll(async () => {
    const peer = await startTcpdump({ name: pair.near.name, flags: ['-s', String(sample_bytes)] });
    const sender = openFrameSender(pair.far);
    for (let at = 0; at < frames.length; at += 60) {
      sender.send(frames.slice(at, at + 60).map(frameBytes));
      await pause(60);
    }
    sender.close();
    sent = await peer.stop({ count: frames.length });
    const records = sent.file.subarray(24);
    for (const expression of expressions) {
      const text = expression.includes('vlan') ? expression : spelledOut(expression);
      const found = timesOf(await tcpdumpFilter(records, 1, text));
      picked.set(expression, new Set(found));
    }
  });

  /** The times of pcap records, as text. */
  const timesOf = (records: Uint8Array): readonly string[] => {
    const view = new DataView(records.buffer, records.byteOffset, records.length);
    const times: string[] = [];
    let at = 0;
    for (const { bytes } of packetsOf(records)) {
      const time = BigInt(view.getUint32(at, true)) * second + BigInt(view.getUint32(at + 4, true));
      times.push(String(time));
      at += 16 + bytes.length;
    }
    return times;
  };

  /** The newest `packet_limit` packets of the window that match, in ascending time. */
  const bruteForce = (query: {
    filter_v1: FilterV1;
    filter_expression?: string | undefined;
    to: bigint;
    time_limit: number;
    packet_limit: number;
  }): readonly string[] => {
    const { filter_v1, filter_expression, to, time_limit, packet_limit } = query;
    const from = to - BigInt(time_limit) * second;
    const by_expression = filter_expression === undefined ? undefined : picked.get(filter_expression);
    return sent.packets
      .flatMap(({ time, original_bytes, bytes }, index) => {
        const frame = frames[index];
        if (frame === undefined || time <= from || time > to || !frameMatches(frame, filter_v1)) return [];
        if (by_expression !== undefined && !by_expression.has(String(time))) return [];
        return [`${time} ${original_bytes} ${Buffer.from(bytes).toString('hex')}`];
      })
      .slice(-packet_limit);
  };

  test('all of it was seen, in the order in which it was sent, each at a time of its own', () => {
    expect(sent.packets).toHaveLength(frames.length);
    expect(sent.packets.map(({ original_bytes }) => original_bytes)).toEqual(
      frames.map((frame) => frameBytes(frame).length),
    );
    expect(new Set(sent.packets.map(({ time }) => time)).size).toBe(frames.length);
  });

  test('for random filters, windows and limits', async () => {
    let hits = 0;
    let empty = 0;
    let limited = 0;
    // The end of the window: at a packet exactly, just beside one, or a whole number of seconds after one.
    const end = fc
      .tuple(fc.nat(frames.length - 1), fc.constantFrom(0n, -1n, 1n, second, 777_777_777n))
      .map(([index, after]) => ({ index, after }));
    await fc.assert(
      fc.asyncProperty(
        fc.oneof({ weight: 3, arbitrary: filterV1 }, fc.constant({})),
        fc.option(fc.constantFrom(...expressions), { nil: undefined }),
        end,
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom(1, 2, 10, 100, 1000, 10_000),
        fc.constantFrom('pcap', 'pcapng'),
        async (filter_v1, filter_expression, { index, after }, time_limit, packet_limit, format) => {
          const to = (sent.packets[index]?.time ?? 0n) + after;
          const query = { filter_v1, filter_expression, to, time_limit, packet_limit };
          const offset_time = timeText(to);
          const ask = { filter_v1, filter_expression, time_limit, packet_limit, format, offset_time };
          const body = { type: 'simple', system: 'magic-transit', ...ask };
          const { status, body: created } = await served.call('POST', '/pcaps', body);
          if (status !== 200) {
            // What no packet can match is refused; then no packet of any time does.
            expect(created.errors).toMatchObject([{ code: 1121, source: { pointer: '/filter_expression' } }]);
            expect(bruteForce({ ...query, to: 1n << 63n, time_limit: 1e9 })).toEqual([]);
            return;
          }
          const expected = bruteForce(query);
          const { capture, file } = await answerOf(served, String(created.result['id']));
          expect(packetLines(file)).toEqual(expected);
          expect(found(capture)).toBe(expected.length);
          expect(capture).toMatchObject({
            packets_dropped: 0,
            sample_rate: 1,
            offset_time: formatTime(to),
          });
          hits += expected.length;
          if (expected.length === 0) empty += 1;
          if (expected.length === packet_limit) limited += 1;
        },
      ),
      { numRuns: runs(40), seed: 29 },
    );
    // The random queries are worth something.
    expect(hits).toBeGreaterThan(200);
    expect(limited).toBeGreaterThan(3);
    expect(empty).toBeLessThan(runs(40) / 2);
  });

  test('the window ends with its last nanosecond and begins after its first', async () => {
    const first = sent.packets[500]?.time ?? 0n;
    const within = sent.packets.filter(({ time }) => time > first && time <= first + second).map(({ time }) => time);
    const one = await lookBack(served, { time_limit: 1, offset_time: timeText(first + second) });
    expect(parsePcap(one.file).packets.map(({ time }) => time)).toEqual(within);
    const last = within.at(-1) ?? 0n;
    const other = await lookBack(served, { time_limit: 1, packet_limit: 1, offset_time: timeText(last) });
    expect(parsePcap(other.file).packets.map(({ time }) => time)).toEqual([last]);
    const before = await lookBack(served, { time_limit: 1, packet_limit: 1, offset_time: timeText(last - 1n) });
    expect(parsePcap(before.file).packets.map(({ time }) => time)).toEqual([within.at(-2)]);
  });

  test('a window from before the sampling began says what it does not cover', async () => {
    const offset_time = timeText(sent.packets[0]?.time ?? 0n);
    const { capture } = await lookBack(served, { time_limit: 300, packet_limit: 1, offset_time });
    expect(sensorsOf(capture)).toMatchObject([
      {
        interface: pair.near.name,
        status: 'done',
        packets: 1,
        coverage: expect.stringMatching(/^no samples from /) as unknown,
      },
    ]);
    const covered = await lookBack(served, { time_limit: 1, offset_time: timeText(sent.packets.at(-1)?.time ?? 0n) });
    expect(sensorsOf(covered.capture)[0]).not.toHaveProperty('coverage');
  });
});

test('a filter that reads behind what is kept of a packet says how many it could not judge', async () => {
  replayFrames(
    pair.far,
    numberedFrames(20, 6001, () => 322),
  );
  replayFrames(
    pair.far,
    numberedFrames(5, 6002, () => 100),
  );
  for (const port of [6001, 6002]) {
    await waitFor(async () => found((await lookBack(served, { filter_expression: `udp port ${port}` })).capture) > 4, {
      what: 'the packets to be found',
    });
  }
  const ask = async (filter_expression: string): Promise<ShownCapture> => {
    const made = await createCapture(served, { type: 'simple', time_limit: 60, packet_limit: 100, filter_expression });
    return await captureBecomes(served, made.id, ['success', 'complete']);
  };
  const reads = 'the filter reads behind the 160 bytes that are kept of a packet';
  for (const expression of ['udp port 6001 and ether[200] < 200', 'udp port 6001 and not ether[300:2] = 7']) {
    const capture = await ask(expression);
    expect([capture.status, found(capture)]).toEqual(['complete', 0]);
    expect(capture['error_message']).toContain(`${reads}: at most 20 samples more may match`);
  }
  // Within what is kept, or of packets that are kept whole: nothing is missing.
  expect(found(await ask('udp port 6002 and ether[90] <= 255'))).toBe(5);
  for (const expression of [
    'udp port 6001 and ether[159] >= 0',
    'udp port 6002 and ether[200] < 200',
    'udp port 6003',
  ]) {
    expect(JSON.stringify(await ask(expression))).not.toContain(reads);
  }
});

test('a packet is found, whoever asks again and again from the moment at which it came', async () => {
  for (let round = 0; round < 5; round += 1) {
    const port = 5000 + round;
    replayFrames(pair.far, numberedFrames(1, port));
    for (let packets = 0; packets === 0; ) {
      packets = found((await lookBack(served, { filter_v1: { source_port: port } })).capture);
      expect([0, 1]).toContain(packets);
    }
  }
});

test('sampling goes on while look-backs are answered', async () => {
  const flood = await startFlood(pair.far, numberedFrames(20, 6000), 100);
  const counts: number[] = [];
  while (new Set(counts).size < 5) {
    const { capture } = await lookBack(served, { filter_v1: { source_port: 6000 } });
    counts.push(found(capture));
  }
  const sent = await flood.stop();
  await pause(300);
  const { capture, file } = await lookBack(served, { filter_v1: { source_port: 6000 } });
  expect(found(capture)).toBe(sent);
  expect(capture).toMatchObject({ packets_dropped: 0 });
  expect(parsePcap(file).packets.map(({ data }) => numberOf(data))).toEqual(
    Array.from({ length: sent }, (_, index) => index % 20),
  );
  // Each answer had all of the one before, and what had come since.
  expect(counts).toEqual(counts.toSorted((one, other) => one - other));
});

test('what was sampled is found after a restart', async () => {
  replayFrames(pair.far, numberedFrames(600, 6500));
  await pause(300);
  const ask = { filter_v1: { source_port: 6500 }, packet_limit: 500, offset_time: new Date().toISOString() };
  const before = await lookBack(served, ask);
  expect(packetLines(before.file)).toHaveLength(500);
  expect(await served.stop()).toBe(0);
  served = await startServe({ interfaces: [pair.near.name], data_dir: served.data_dir });
  const after = await lookBack(served, ask);
  expect(packetLines(after.file)).toEqual(packetLines(before.file));
  // A look-back of before is still there.
  expect(await downloadFile(served, before.capture.id)).toEqual(before.file);
  replayFrames(pair.far, numberedFrames(3, 7000));
  await pause(300);
  // The time in which it did not run may be in its window.
  const ask_fresh = { type: 'simple', time_limit: 60, packet_limit: 10, filter_v1: { source_port: 7000 } };
  const { id } = await createCapture(served, ask_fresh);
  expect(found(await captureBecomes(served, id, ['success', 'complete']))).toBe(3);
});

describe('sampling within a budget', () => {
  const [budget_pps, heavy_pps] = [500, 10_000];
  let bounded: Served;
  beforeAll(async () => {
    bounded = await startServe({ interfaces: [pair.near.name], env: { EDGETAP_SAMPLE_PPS: String(budget_pps) } });
  });
  afterAll(async () => await bounded?.remove());

  const rateNow = async (): Promise<number> => {
    const metrics = await (await fetch(`${bounded.url}/metrics`)).text();
    return Number(/^edgetap_samples_rate\{.*\} (\d+)$/m.exec(metrics)?.[1] ?? NaN);
  };

  /** Light, heavy, light again, each until its rate is told; gives how many were sent and what a look-back says of them. */
  async function sample(port: number): Promise<{ sent: number; capture: ShownCapture; file: Buffer; rates: number[] }> {
    const sender = openFrameSender(pair.far);
    const frames = numberedFrames(1, port);
    const rates: number[] = [];
    let sent = 0;
    for (const [pps, least, isTold] of [
      [200, 400, (rate: number) => rate === 1],
      // So many that what is kept is less than half of all, however few a busy machine sends in a second.
      [heavy_pps, 40_000, (rate: number) => rate > 1],
      [200, 400, (rate: number) => rate === 1],
    ] as const) {
      const before = sent;
      let [due, rate] = [0, NaN];
      for (let at = performance.now(); sent - before < least || !isTold(rate); ) {
        const now = performance.now();
        due += (Math.min(now - at, 20) * pps) / 1000;
        at = now;
        for (; due >= 1; due--) sent += sender.send(frames);
        await pause(5);
        if (sent - before >= least) rate = await rateNow();
      }
      rates.push(rate);
    }
    sender.close();
    await pause(300);
    const ask = { filter_v1: { source_port: port }, format: 'pcapng', time_limit: 300 };
    return { sent, rates, ...(await lookBack(bounded, ask)) };
  }

  test('keeps all while the budget allows it and says how many passed when it does not', async () => {
    const off = ({ sent, capture }: { sent: number; capture: ShownCapture }): number =>
      Math.abs(Number(capture['packets_estimated']) - sent);
    // Each of the packets kept stands for 32 at most, give or take 3 standard deviations of what chance makes of it.
    const most = (sent: number): number => 3 * Math.sqrt(sent * 31);
    let sampled = await sample(8100);
    // Only twice in a row is a fault: one sound run in 370 is farther off.
    if (off(sampled) > most(sampled.sent)) sampled = await sample(8101);
    const { sent, capture, file, rates } = sampled;
    expect(off(sampled)).toBeLessThanOrEqual(most(sent));
    const [light, heavy, lighter] = rates;
    expect(light).toBe(1);
    expect(heavy).toBeGreaterThan(1);
    expect(lighter).toBe(1);
    expect(found(capture)).toBeLessThan(sent / 2);
    const [sensor] = sensorsOf(capture);
    expect(sensor?.packets_estimated).toBe(capture['packets_estimated']);
    expect(sensor?.sample_rate).toBe(capture['sample_rate']);
    expect(Number(capture['sample_rate'])).toBeGreaterThan(1);
    const told = /of the packets were kept: 1 in 1 from \S+Z, 1 in \d+ from \S+Z.*, 1 in 1 from \S+Z/;
    expect(sensor?.coverage).toMatch(told);
    const described = pcapngBlocks(file).filter(({ type }) => type === 1);
    expect(described.map(({ options }) => options.get(1)?.toString())).toEqual([expect.stringMatching(told)]);
  });
});

describe('sampling one packet in ten', () => {
  const total = 20_000;
  const budget = 2_000_000;
  const length = 400;
  let sparse: Served;
  beforeAll(async () => {
    sparse = await startServe({
      interfaces: [pair.near.name],
      env: { EDGETAP_SAMPLE_RATE: '10', EDGETAP_SAMPLE_BYTES: String(budget) },
    });
  });
  afterAll(async () => await sparse?.remove());

  const sample = async (port: number): Promise<{ capture: ShownCapture; file: Buffer }> => {
    const sender = openFrameSender(pair.far);
    const frames = numberedFrames(total, port, () => length);
    for (let at = 0; at < total; at += 500) {
      sender.send(frames.slice(at, at + 500));
      await pause(3);
    }
    sender.close();
    await pause(300);
    return await lookBack(sparse, { filter_v1: { source_port: port }, format: 'pcapng' });
  };

  test('keeps as many, and says so', async () => {
    const most = 3 * Math.sqrt(total * 0.1 * 0.9);
    const off = ({ capture }: { capture: ShownCapture }): number => Math.abs(found(capture) - total / 10);
    let kept = await sample(8000);
    // One sound run in 370 is farther off than three standard deviations: only twice in a row is a fault.
    if (off(kept) > most) kept = await sample(8001);
    expect(off(kept)).toBeLessThanOrEqual(most);
    const { capture, file } = kept;
    expect(capture).toMatchObject({ sample_rate: 10, packets_dropped: 0 });
    expect(sensorsOf(capture)).toMatchObject([{ status: 'done', sample_rate: 10, dropped: 0 }]);
    const lines = packetLines(file);
    const numbers = lines.map((line) => numberOf(Buffer.from(line.split(' ')[2] ?? '', 'hex')));
    expect(numbers.every((number, index) => index === 0 || number > (numbers[index - 1] ?? 0))).toBe(true);
    // The beginning of each, and its true length.
    expect(lines.every((line) => line.split(' ')[1] === String(length))).toBe(true);
    expect(lines.every((line) => line.split(' ')[2]?.length === 2 * sample_bytes)).toBe(true);
    const described = pcapngBlocks(file).filter(({ type }) => type === 1);
    expect(described.map(({ options }) => options.get(1)?.toString())).toEqual(['1 in 10 packets was kept']);
  });

  test('keeps the newest that the disk space allows', async () => {
    const sender = openFrameSender(pair.far);
    const prepared = sender.prepare(numberedFrames(1000, 9000, () => length));
    // Samples of twice the space, and then some that are newer.
    for (let round = 0; round < 230; round += 1) {
      prepared.send();
      await pause(1);
    }
    sender.send(numberedFrames(1000, 9001, () => length));
    sender.close();
    await pause(300);
    const disk = (): number => {
      const folder = join(sparse.data_dir, 'sensor', 'samples');
      const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
      return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
    };
    await waitFor(() => disk() <= budget, { what: 'the oldest to go' });
    expect(disk()).toBeGreaterThan(budget / 4);
    const newest = await lookBack(sparse, { filter_v1: { source_port: 9001 } });
    expect(found(newest.capture)).toBeGreaterThan(50);
    const oldest = await lookBack(sparse, { filter_v1: { source_port: 8000 }, time_limit: 300 });
    expect(found(oldest.capture)).toBe(0);
    expect(sensorsOf(oldest.capture)[0]?.coverage).toContain('before the oldest sample');
  });
});
