import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Fault } from '../model/errors/fault.ts';
import { bootId } from './boot_id.ts';
import { systemClock } from './clock.ts';
import { OpenSegments } from './open_segments.ts';
import { prepareLookback } from './lookback.ts';
import { openStream } from './open_stream.ts';
import { windowCoverage } from './window_coverage.ts';
import { SamplerState } from './sampler_state.ts';
import type { SealedSegment } from './sealed_segment.ts';
import { encodeSegmentMark, type SegmentMark } from './segment_mark.ts';
import type { Stream } from './stream.ts';
import { crowd_begin, recordsOf } from './test_packets.ts';
import { takeAll } from './test_programs.ts';

let root = '';
let stream: Stream;
const faults: Fault[] = [];
const sealed: SealedSegment[] = [];
const lost: string[] = [];
let slept_ms = 0;
let state: SamplerState;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'edgetap-open-'));
  stream = { interface: 'eth0', linktype: 1, directory: join(root, 'eth0@1'), sealed: [], next_number: 1 };
  mkdirSync(stream.directory);
  faults.length = 0;
  sealed.length = 0;
  lost.length = 0;
  slept_ms = 0;
  state = new SamplerState();
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function openSegments(): OpenSegments {
  return new OpenSegments({
    clock: { ...systemClock, sleep: (ms) => Promise.resolve(void (slept_ms += ms)) },
    boot: bootId(),
    rate: () => 3,
    report: (fault) => faults.push(fault),
    makeRoom: () => Promise.resolve(0),
    sealed: (of, segment) => {
      sealed.push(segment);
      of.sealed.push(segment);
    },
    lost: (of, number) => lost.push(`${of.interface} ${number}`),
    vacated: (slot) => state.vacate(slot),
  });
}

const start: SegmentMark = {
  kind: 'start',
  rate: 3,
  watermark: crowd_begin,
  monotonic: 1n,
  offset: 24,
  records: 0,
  accepted: 0n,
  dropped: 0n,
  lost: 0n,
};
const record = recordsOf([{ time: crowd_begin + 5n, original: 9, bytes: new Uint8Array(9) }]);
const times = { least: crowd_begin + 5n, greatest: crowd_begin + 5n };
const seal: SegmentMark = { ...start, kind: 'seal', offset: 24 + record.length, records: 1, ...times, reason: 'size' };

test('at most four segments are open, and each has its own place', async () => {
  const segments = openSegments();
  const made = [];
  for (let index = 0; index < 4; index++) made.push(await segments.make(stream));
  expect(made.map((one) => [one?.number, one?.slot])).toEqual([
    [1, 0],
    [2, 1],
    [3, 2],
    [4, 3],
  ]);
  expect(await segments.make(stream)).toBeUndefined();
  for (const segment of segments.all) await segments.discard(segment);
  expect(readdirSync(stream.directory)).toEqual([]);
  expect(await segments.make(stream)).toMatchObject({ number: 5, slot: 0 });
  for (const segment of segments.all) await segments.discard(segment);
});

test('a segment whose first mark the disk was too full for is sealed with it', async () => {
  const segments = openSegments();
  const segment = await segments.make(stream);
  if (segment === undefined) throw new Error('no segment');
  writeSync(segment.packets.fd, record, 0, record.length, 24);
  await segments.seal(segment, start, seal);
  expect(readFileSync(join(stream.directory, '0000000001.seg')).subarray(96)).toEqual(
    Buffer.concat([start, seal].map(encodeSegmentMark)),
  );
  const cover = { from: crowd_begin, to: crowd_begin, reason: 'size' };
  expect(sealed).toMatchObject([{ number: 1, length: 24 + record.length, records: 1, ...times, cover }]);
  expect(segments.all).toEqual([]);
});

test('what a sampler left that has died is sealed as after a crash, and what it had not begun is removed', async () => {
  const segments = openSegments();
  const [begun] = [await segments.make(stream), await segments.make(stream)];
  if (begun === undefined) throw new Error('no segment');
  writeSync(begun.header.fd, encodeSegmentMark(start), 0, 96, 96);
  writeSync(begun.packets.fd, Buffer.concat([record, record.subarray(0, 20)]), 0, record.length + 20, 24);
  await segments.salvage();
  expect(segments.all).toEqual([]);
  expect(sealed).toMatchObject([{ number: 1, records: 1, ...times, cover: { from: crowd_begin, reason: 'crash' } }]);
  expect(faults.map(({ name }) => name)).toEqual(['segment_cut']);
  expect(readdirSync(stream.directory).sort()).toEqual(['0000000001.pcap', '0000000001.seg']);
});

test.each(['sealed', 'being sealed'])(
  'what came after the watermark of a full segment that is %s is told of by the next one, also where a crash left that without a packet',
  async (state_of) => {
    const segments = openSegments();
    const [full, torn] = [await segments.make(stream), await segments.make(stream)];
    if (full === undefined || torn === undefined) throw new Error('no segment');
    writeSync(full.header.fd, encodeSegmentMark(start), 0, 96, 96);
    writeSync(full.packets.fd, record, 0, record.length, 24);
    full.phase = 'finished';
    const sealing = segments.seal(full, start, seal);
    if (state_of === 'sealed') await sealing;
    const announced = { ...start, kind: 'rate' as const, rate: 0, rate_since: crowd_begin + 7n };
    writeSync(torn.header.fd, Buffer.concat([start, announced].map(encodeSegmentMark)), 0, 192, 96);
    await segments.salvage();
    await sealing;
    sealed.sort((a, b) => a.number - b.number);
    const cover = { from: crowd_begin, to: times.greatest, reason: 'crash' };
    const rates = [{ from: crowd_begin, to: times.greatest, rate: 3 }];
    expect(sealed).toMatchObject([
      { number: 1, records: 1 },
      { number: 2, records: 0, cover: { ...cover, rates } },
    ]);
    // As the disk has it.
    const context = { stream, directory: stream.directory, clock: systemClock, boot: bootId() };
    const opened = await openStream({ ...context, report: (fault) => faults.push(fault) });
    expect(opened.sealed.map((one) => one.cover)).toEqual(sealed.map((one) => one.cover));
    expect(faults).toEqual([]);
  },
);

test('a seal that fails is tried again, then said and left to the next start', async () => {
  const segments = openSegments();
  const segment = await segments.make(stream);
  if (segment === undefined) throw new Error('no segment');
  rmSync(stream.directory, { recursive: true });
  await segments.seal(segment, start, seal);
  expect(slept_ms).toBe(2000);
  expect(faults.map(({ name }) => name)).toEqual(['samples_write_failed']);
  expect({ sealed, open: segments.all }).toEqual({ sealed: [], open: [] });
});

test('a disk that fails when the segment is to be made safe is believed at once: the segment is marked, and told of', async () => {
  const segments = openSegments();
  const segment = await segments.make(stream);
  if (segment === undefined) throw new Error('no segment');
  writeSync(segment.packets.fd, record, 0, record.length, 24);
  const asked: string[] = [];
  segment.packets.sync = () => {
    asked.push('packets');
    return Promise.reject(Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' }));
  };
  await segments.seal(segment, start, seal);
  expect([asked, slept_ms]).toEqual([['packets'], 0]);
  expect(faults).toMatchObject([
    { name: 'segment_unsynced', message: expect.stringContaining('eth0@1/0000000001.pcap') as string },
  ]);
  expect(sealed).toMatchObject([{ number: 1, records: 1, cover: { reason: 'unsynced' } }]);
  expect(readdirSync(stream.directory).sort()).toEqual(['0000000001.pcap', '0000000001.seg']);
  // So does the next process find it.
  const again = await openStream({
    stream,
    directory: stream.directory,
    clock: systemClock,
    boot: bootId(),
    report: (fault) => faults.push(fault),
  });
  expect(again.sealed).toMatchObject([{ number: 1, records: 1, cover: { reason: 'unsynced' } }]);
  const cover = { from: crowd_begin, to: crowd_begin + 9n, rates: [], losses: [], reason: 'unsynced' as const };
  const window = { from: crowd_begin - 5n, to: crowd_begin + 4n };
  expect(windowCoverage(window, [cover], undefined, []).gaps).toEqual([
    { from: window.from, to: cover.from, reason: 'not_sampled' },
    { from: cover.from, to: window.to, reason: 'unsynced' },
  ]);
});

test('what a segment published is not taken for what the next one in its place holds', async () => {
  const segments = openSegments();
  const segment = await segments.make(stream);
  if (segment === undefined) throw new Error('no segment');
  writeSync(segment.packets.fd, record, 0, record.length, 24);
  state.watermark = crowd_begin;
  state.publish(0, { length: 24 + record.length, checksum: 0, records: 1, ...times, dropped: 0n, lost: 0n });
  await segments.seal(segment, start, seal);
  expect(await segments.make(stream)).toMatchObject({ number: 2, slot: 0 });
  const window = { from: crowd_begin, to: crowd_begin + 10n };
  const samplers = [{ interface: 'eth0', state, open: segments.all }];
  const prepared = prepareLookback(
    { ...window, programs: takeAll, formula: { kind: 'any' }, packet_limit: 9 },
    { streams: [stream], samplers, growing: new Map(), now: 0n },
  );
  expect(prepared.job.segments.map(({ number }) => number)).toEqual([1]);
  prepared.close();
  for (const made of segments.all) await segments.discard(made);
});

test('what one segment fails by keeps none of the others, and no place', async () => {
  const segments = openSegments();
  for (const round of [1, 2]) {
    const segment = await segments.make(stream);
    if (segment === undefined) throw new Error(`no segment ${round}`);
    writeSync(segment.header.fd, encodeSegmentMark(start), 0, 96, 96);
    writeSync(segment.packets.fd, record, 0, record.length, 24);
  }
  rmSync(join(stream.directory, '.open-0000000001.pcap'));
  await segments.salvage();
  expect(faults.map(({ name }) => name)).toEqual(['samples_write_failed']);
  expect(sealed).toMatchObject([{ number: 2, records: 1 }]);
  expect(segments.all).toEqual([]);
});

test('a segment is sealed whoever takes its names away', async () => {
  const segments = openSegments();
  const segment = await segments.make(stream);
  if (segment === undefined) throw new Error('no segment');
  rmSync(join(stream.directory, '0000000001.seg'));
  await segments.seal(segment, start, seal);
  expect(sealed).toMatchObject([{ number: 1, records: 1, cover: { from: crowd_begin, reason: 'size' } }]);
  expect(segments.all).toEqual([]);
});
