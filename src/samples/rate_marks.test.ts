import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SamplerState } from './sampler_state.ts';
import { type RateSpan, segmentCover } from './segment_cover.ts';
import { readSegmentMarks, type SealReason, type SegmentMark } from './segment_mark.ts';
import { SegmentSink } from './segment_sink.ts';
import { recordsOf, runs } from './test_packets.ts';
import { windowCoverage } from './window_coverage.ts';

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'edgetap-rates-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const us = 1000n;
const second = 1_000_000_000n;

type Step =
  | { readonly do: 'rate'; readonly rate: number; readonly writing: bigint; readonly takes: bigint }
  | { readonly do: 'packet' | 'mark' | 'segment' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('rate' as const),
    rate: fc.integer({ min: 0, max: 6 }).map((power) => 2 ** power),
    writing: fc.bigInt({ min: 0n, max: 3n }).map((time) => time * us),
    takes: fc.bigInt({ min: 1n, max: 5n }).map((time) => time * us),
  }),
  fc.record({ do: fc.constantFrom('packet' as const, 'packet' as const, 'mark' as const, 'segment' as const) }),
);

/** What the kernel did, by the clock; `undefined` while it changed over. */
type Truth = { readonly since: bigint; readonly rate: number | undefined }[];

/** The disk at one moment: how many marks each segment had. */
interface Moment {
  readonly now: bigint;
  /** A change has been announced for what comes after this. */
  readonly announced: bigint | undefined;
  readonly marks: readonly number[];
}

/** Lets the real sink write what the steps are, by a clock of its own; the watermark lags behind it. */
function sample(
  steps: readonly { readonly step: Step; readonly wait: bigint }[],
  lag: bigint,
): {
  readonly truth: Truth;
  readonly segments: readonly (readonly SegmentMark[])[];
  readonly moments: readonly Moment[];
  readonly begun: bigint;
  readonly reached: bigint;
} {
  const directory = mkdtempSync(join(root, 'one-'));
  let [now, monotonic, count] = [1000n * us, 0n, 0];
  const state = new SamplerState();
  const sink = new SegmentSink({
    state,
    rate: 1,
    segment_age_ns: 2n ** 60n,
    monotonic: () => monotonic,
    send: () => undefined,
    makeRoom: () => false,
  });
  const path = (slot: number): string => join(directory, `${slot}.seg`);
  const opened: number[] = [];
  const marksOf = (slot: number): SegmentMark[] =>
    readSegmentMarks(readFileSync(path(slot)), 96).marks.filter((mark) => mark !== 'damaged');
  const begin = (): void => {
    const [packets, header] = [openSync(join(directory, `${count}.pcap`), 'w+'), openSync(path(count), 'w+')];
    opened.push(packets, header);
    const offer = { kind: 'segment' as const, generation: 1, slot: count % 4, limit_bytes: 1e9 };
    sink.offer({ ...offer, packets_descriptor: packets, header_descriptor: header });
    sink.begin(now - lag);
    count++;
  };
  const truth: Truth = [{ since: 0n, rate: 1 }];
  const moments: Moment[] = [];
  const remember = (announced?: bigint): void => {
    moments.push({ now, announced, marks: Array.from({ length: count }, (_, slot) => marksOf(slot).length) });
  };
  begin();
  for (const { step: one, wait } of steps) {
    now += wait;
    monotonic += 2n * second;
    const watermark = now - lag;
    if (one.do === 'rate') {
      const about = now;
      const swap = (): { before: bigint; since: bigint } => {
        now += one.writing;
        const before = now;
        truth.push({ since: now, rate: undefined });
        remember(about);
        now += one.takes;
        truth.push({ since: now, rate: one.rate });
        return { before, since: now };
      };
      expect(sink.changeRate(one.rate, watermark, { stamp: () => now, swap })).toBe(true);
    } else if (one.do === 'packet') {
      const bytes = recordsOf([{ time: now, original: 60, bytes: new Uint8Array(60) }]);
      sink.write(bytes, new DataView(bytes.buffer), watermark);
    } else if (one.do === 'mark') sink.publish(watermark);
    else {
      sink.finish('size', watermark);
      begin();
    }
    remember();
  }
  expect(sink.rate).toBe(state.rate);
  const reached = now;
  sink.finish('shutdown', reached);
  const segments = Array.from({ length: count }, (_, slot) => marksOf(slot));
  for (const descriptor of opened) closeSync(descriptor);
  rmSync(directory, { recursive: true });
  return { truth, segments, moments, begun: 1000n * us - lag, reached };
}

function truthAt(truth: Truth, time: bigint): number | undefined {
  return truth.findLast(({ since }) => since < time)?.rate;
}

function toldAt(rates: readonly RateSpan[], time: bigint): number[] {
  return rates.filter(({ from, to }) => time > from && time <= to).map(({ rate }) => rate);
}

/** A segment as it is found later: with a last mark that says how far it goes. */
function ended(marks: readonly SegmentMark[], watermark: bigint, reason: SealReason): SegmentMark[] {
  const last = marks.at(-1);
  return last === undefined ? [] : [...marks, { ...last, kind: 'seal', reason, watermark }];
}

const lags = fc.bigInt({ min: 0n, max: 20n }).map((time) => time * us);
const history = fc.array(fc.record({ step, wait: fc.bigInt({ min: 1n, max: 9n }).map((time) => time * us) }), {
  maxLength: 25,
});

test('the marks of all segments tell the rate of every moment, and that it is not known while it changes', () => {
  fc.assert(
    fc.property(history, lags, (steps, lag) => {
      const { truth, segments, begun, reached, moments } = sample(steps, lag);
      // The end of each segment is the beginning of the next.
      const starts = segments.map((marks) => marks[0]?.watermark ?? 0n);
      const covers = segments.map((marks, index) =>
        segmentCover({ marks: ended(marks, starts[index + 1] ?? reached, 'size'), torn_bytes: 0 }),
      );
      const known = covers.filter((cover) => cover !== undefined);
      expect(known).toHaveLength(segments.length);
      const { rates, gaps } = windowCoverage({ from: begun, to: reached }, known, undefined, []);
      expect(gaps).toEqual([]);
      for (let time = begun + us; time <= reached; time += us) {
        const rate = truthAt(truth, time);
        expect([time, toldAt(rates, time)]).toEqual([time, rate === undefined ? [] : [rate]]);
      }
      expect(moments.length).toBeGreaterThanOrEqual(steps.length);
    }),
    runs(150),
  );
});

test('a crash at any moment leaves no packet with a wrong rate, and none without one but while it changes or is about to', () => {
  fc.assert(
    fc.property(history, lags, (steps, lag) => {
      const { truth, segments, moments } = sample(steps, lag);
      for (const { now, announced, marks: counts } of moments) {
        const covers = counts.flatMap((count, index) => {
          const next = counts[index + 1] === undefined ? now : (segments[index + 1]?.[0]?.watermark ?? now);
          const marks = ended((segments[index] ?? []).slice(0, count), next, 'crash');
          return segmentCover({ marks, torn_bytes: 0 }) ?? [];
        });
        const { rates } = windowCoverage({ from: 0n, to: now }, covers, undefined, []);
        for (let time = 1001n * us - lag; time <= now; time += us) {
          const rate = announced !== undefined && time > announced ? undefined : truthAt(truth, time);
          expect([time, toldAt(rates, time)]).toEqual([time, rate === undefined ? [] : [rate]]);
        }
      }
    }),
    runs(50),
  );
});
