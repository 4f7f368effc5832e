import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FromSampler } from './sampler_messages.ts';
import { SamplerState } from './sampler_state.ts';
import { readSegmentMarks, type SegmentMark, type SegmentMarks } from './segment_mark.ts';
import { SegmentSink } from './segment_sink.ts';
import { crowdedPacket, packetsOf, recordsOf } from './test_packets.ts';

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'edgetap-sink-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const packets = fc.sample(fc.array(crowdedPacket, { minLength: 5, maxLength: 5 }), { numRuns: 1, seed: 5 })[0] ?? [];
const bytes = recordsOf(packets);
const view = new DataView(bytes.buffer);
const ms = 1_000_000n;

interface Bench {
  readonly sink: SegmentSink;
  readonly state: SamplerState;
  readonly sent: FromSampler[];
  readonly clock: { monotonic: bigint };
  readonly offer: (slot: number) => void;
  readonly marks: (slot: number) => SegmentMark['kind'][];
  readonly losses: (slot: number) => SegmentMarks['losses'];
  readonly records: (slot: number) => Uint8Array;
}

function bench(options: { limit_bytes?: number } = {}): Bench {
  const directory = mkdtempSync(join(root, 'one-'));
  const state = new SamplerState();
  const sent: FromSampler[] = [];
  const clock = { monotonic: 0n };
  const sink = new SegmentSink({
    state,
    rate: 2,
    segment_age_ns: 60_000n * ms,
    monotonic: () => clock.monotonic,
    send: (message) => sent.push(message),
    makeRoom: () => false,
  });
  const header = (slot: number): string => join(directory, `${slot}.seg`);
  const file = (slot: number): string => join(directory, `${slot}.pcap`);
  return {
    sink,
    state,
    sent,
    clock,
    offer: (slot) =>
      sink.offer({
        kind: 'segment',
        generation: 1,
        slot,
        packets_descriptor: openSync(file(slot), 'w+'),
        header_descriptor: openSync(header(slot), 'w+'),
        limit_bytes: options.limit_bytes ?? 1000,
      }),
    marks: (slot) =>
      readSegmentMarks(readFileSync(header(slot)), 96).marks.map((mark) => (mark === 'damaged' ? 'seal' : mark.kind)),
    losses: (slot) => readSegmentMarks(readFileSync(header(slot)), 96).losses,
    records: (slot) => new Uint8Array(readFileSync(file(slot)).subarray(24)),
  };
}

test('it goes on to the next segment when one is full and another is offered, without a break', () => {
  const { sink, state, sent, offer, records } = bench({ limit_bytes: bytes.length });
  offer(0);
  sink.begin(100n);
  expect(state.content(0)).toEqual({ length: 24, checksum: 0, records: 0, dropped: 0n, lost: 0n });
  sink.write(bytes, view, 100n);
  sink.publish(200n);
  // Full, but there is no other: it grows on.
  sink.write(bytes, view, 200n);
  offer(1);
  sink.countKernel(12n, 2n, 250n);
  sink.publish(300n);
  sink.write(bytes, view, 300n);
  sink.publish(400n);
  const kinds = sent.map((message) => ('slot' in message ? `${message.kind} ${message.slot}` : message.kind));
  expect(kinds).toEqual(['taken 0', 'finished 0', 'taken 1']);
  expect(sent[1]).toMatchObject({
    start: { kind: 'start', watermark: 100n, rate: 2, records: 0 },
    seal: { kind: 'seal', watermark: 300n, records: 10, accepted: 12n, dropped: 2n, reason: 'size' },
  });
  expect(packetsOf(records(0))).toEqual([...packets, ...packets]);
  expect(packetsOf(records(1))).toEqual(packets);
  // What was dropped belongs to the first.
  expect(state.content(1)).toMatchObject({ records: 5, dropped: 0n });
  expect(state.totals).toEqual({ packets: 15n, accepted: 12n, dropped: 2n, lost: 0n });
  expect(state.watermark).toBe(400n);
});

test('a loss is told with its time, as soon as the packet before it was read; those of a moment together', () => {
  const { sink, state, clock, offer, losses } = bench({ limit_bytes: 1e6 });
  offer(0);
  sink.begin(0n);
  sink.sourceOpened(0n);
  // Five packets are in the ring, and two found no place.
  sink.countKernel(7n, 2n, 2n ** 62n);
  sink.publish(1n);
  expect([losses(0), state.content(0).dropped]).toEqual([undefined, 2n]);
  sink.write(bytes, view, 1n);
  sink.publish(2n);
  const last = packets.at(-1);
  const since = (last?.time ?? 0n) - 2n * ms;
  expect(losses(0)).toEqual([{ from: since, to: 2n ** 62n, dropped: 2n, lost: 0n, position: 1 }]);
  for (const dropped of [3n, 4n]) {
    sink.countKernel(5n + dropped, dropped, 2n ** 62n + dropped);
    sink.publish(3n);
  }
  expect(losses(0)).toHaveLength(1);
  clock.monotonic = 200n * ms;
  sink.publish(4n);
  expect(losses(0)).toMatchObject([{ dropped: 2n }, { to: 2n ** 62n + 4n, dropped: 2n, position: 1 }]);
  // What is not told yet when the segment ends is told by it.
  sink.countKernel(11n, 6n, 2n ** 62n + 9n);
  sink.finish('shutdown', 5n);
  expect(losses(0)?.map(({ dropped }) => dropped)).toEqual([2n, 2n, 2n]);
});

test('age ends a segment too, and marks are written once a second, or every ten when nothing comes', () => {
  const { sink, sent, clock, offer, marks } = bench({ limit_bytes: 1e6 });
  offer(0);
  sink.begin(0n);
  for (let at = 1n; at <= 25n; at++) {
    clock.monotonic = at * 1000n * ms;
    sink.publish(at);
  }
  expect(marks(0)).toEqual(['start', 'progress', 'progress']);
  for (let at = 1n; at <= 50n; at++) {
    clock.monotonic += 100n * ms;
    sink.write(bytes, view, at);
    sink.publish(at);
  }
  expect(marks(0).length).toBe(3 + 5);
  clock.monotonic = 61_000n * ms;
  offer(1);
  sink.publish(99n);
  expect(sent.find((message) => message.kind === 'finished')).toMatchObject({
    seal: { reason: 'age', watermark: 99n },
  });
});

test.each(['packets', 'header'] as const)('a %s file that fails ends the segment, and the fault is said', (which) => {
  const { sink, sent, state } = bench();
  const readable = openSync('/dev/null', 'r');
  const writable = openSync(join(root, 'other'), 'w+');
  const [packets_descriptor, header_descriptor] = which === 'packets' ? [readable, writable] : [writable, readable];
  sink.offer({ kind: 'segment', generation: 1, slot: 0, packets_descriptor, header_descriptor, limit_bytes: 1e6 });
  sink.begin(6n);
  const lost = sink.open ? 5n : 0n;
  expect(sink.open).toBe(which === 'packets');
  sink.write(bytes, view, 7n);
  closeSync(readable);
  expect(sink.open).toBe(false);
  expect(sent).toMatchObject([
    { kind: 'taken', slot: 0 },
    { kind: 'finished', seal: { reason: 'write_failed', lost, records: 0, watermark: lost > 0n ? 7n : 6n } },
    { kind: 'trouble', fault: { name: 'samples_write_failed' } },
  ]);
  expect(state.totals.lost).toBe(lost);
});

test('after the clock was set only the rate in force counts, whenever it was that it changed', () => {
  const { sink, sent, state, offer, marks } = bench();
  expect([sink.rate, state.rate]).toEqual([2, 2]);
  const change = { stamp: () => 900n, swap: () => ({ before: 900n, since: 901n }) };
  expect(sink.changeRate(8, 100n, change)).toBe(false);
  offer(0);
  sink.begin(100n);
  expect(sink.changeRate(8, 100n, change)).toBe(true);
  expect([sink.rate, state.rate]).toEqual([8, 8]);
  expect(marks(0)).toEqual(['start', 'rate', 'rate']);
  offer(1);
  sink.finish('size', 110n);
  sink.begin(110n);
  // The watermark has not got to the change yet.
  expect(marks(1)).toEqual(['start', 'rate', 'rate']);
  sink.finish('clock_set', 120n);
  offer(2);
  sink.begin(50n);
  expect(marks(2)).toEqual(['start']);
  sink.finish('shutdown', 60n);
  const starts = sent.flatMap((message) => (message.kind === 'finished' ? [message.start.rate] : []));
  expect(starts).toEqual([2, 2, 8]);
});

test('a header that fails ends the segment before the rate is changed', () => {
  const { sink, sent } = bench();
  const header = openSync(join(root, 'failing'), 'w+');
  const packets_descriptor = openSync(join(root, 'other'), 'w+');
  const offer = { kind: 'segment' as const, generation: 1, slot: 0, packets_descriptor, header_descriptor: header };
  sink.offer({ ...offer, limit_bytes: 1e6 });
  sink.begin(6n);
  closeSync(header);
  const swap = (): never => {
    throw new Error('the rate was changed');
  };
  expect(sink.changeRate(8, 7n, { stamp: () => 7n, swap })).toBe(false);
  expect(sink.rate).toBe(2);
  expect(sent).toMatchObject([
    { kind: 'taken' },
    { kind: 'finished', seal: { reason: 'write_failed', rate: 2 } },
    { kind: 'trouble', fault: { name: 'samples_write_failed' } },
  ]);
});

test('what was offered and is not needed is given back', () => {
  const { sink, sent, offer } = bench();
  offer(2);
  sink.decline();
  sink.begin(0n);
  expect(sink.open).toBe(false);
  expect(sent).toEqual([{ kind: 'unused', slot: 2 }]);
});
