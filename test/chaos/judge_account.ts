import { parseTime } from '../../src/model/time.ts';
import type { SentBatch } from '../support/frame_ledger.ts';
import { numberOf } from '../support/numbered_traffic.ts';
import type { SamplePacket } from '../support/packet_samples.ts';

/** Time that a result has to account for, (from, to], in Unix nanoseconds. */
export interface Asked {
  readonly from: bigint;
  readonly to: bigint;
}

/** What a result says of one interface. */
export interface Told {
  /** The capture's. */
  readonly status: string;
  readonly error_message?: string;
  /** Of the interface. */
  readonly dropped?: number;
  readonly stop_reason?: string;
  /** All that is said of the interface in words: what is missing, what is not covered. */
  readonly text: string;
}

/** What is wrong with a result's account of one interface, in words; empty where it is true. */
export interface Judgement {
  readonly faults: readonly string[];
  /** Frames that were surely sent in the time asked for, and how many of them the file does not have. */
  readonly sent: number;
  readonly missing: number;
}

/** A frame is stamped between the two moments of its batch; clocks are read a little beside each other. */
const slack_ns = 2_000_000n;

/**
 * Holds a file against what was sent: every frame of the time asked for is in it, once, in order, with its own stamp, or the
 * result counts it as missing, or says that its time is not covered. A result that misses a frame is never `success`.
 */
export function judgeAccount(
  asked: Asked,
  sent: readonly SentBatch[],
  packets: readonly SamplePacket[],
  told: Told,
): Judgement {
  const faults = [...faultsOfFile(asked, sent, packets)];
  const there = new Set(packets.map(({ data }) => numberOf(data)));
  const last = Math.max(-1, ...there);
  const gaps = gapsOf(told.text);
  let [surely, missing, uncounted] = [0, 0, 0];
  for (const batch of sent) {
    if (batch.before <= asked.from + slack_ns || batch.after > asked.to - slack_ns) continue;
    surely += batch.count;
    const covered = gaps.some((gap) => batch.after > gap.from && batch.before <= gap.to);
    for (let number = batch.first; number < batch.first + batch.count; number += 1) {
      if (there.has(number)) continue;
      missing += 1;
      // Of a part that broke off, all that came later is missing, and is not counted by anybody.
      const cutOff = told.stop_reason === 'crashed' && number > last;
      if (!covered && !cutOff) uncounted += 1;
    }
  }
  if (missing > 0) {
    if (told.status === 'success') faults.push(`success, and ${missing} of ${surely} frames are missing`);
    if (told.error_message === undefined) faults.push(`${missing} frames are missing without an error_message`);
    if (uncounted > (told.dropped ?? 0))
      faults.push(`${uncounted} missing frames are in no gap that is told, and dropped is ${told.dropped}`);
  }
  return { faults, sent: surely, missing };
}

function* faultsOfFile(
  asked: Asked,
  sent: readonly SentBatch[],
  packets: readonly SamplePacket[],
): Generator<string, void, undefined> {
  let before = -1;
  let batch = 0;
  for (const { time, data } of packets) {
    const number = numberOf(data);
    if (number <= before) yield `frame ${number} comes after ${before}`;
    before = number;
    while (batch < sent.length && number >= (sent[batch]?.first ?? 0) + (sent[batch]?.count ?? 0)) batch += 1;
    const own = sent[batch];
    if (own === undefined || number < own.first) {
      yield `frame ${number} was never sent`;
      return;
    }
    if (time < own.before - slack_ns || time > own.after + slack_ns)
      yield `frame ${number} is stamped ${time}, sent between ${own.before} and ${own.after}`;
    if (time <= asked.from || time > asked.to) yield `frame ${number} is outside of the time asked for`;
  }
}

/** The stretches of time that a text names: `… 2026-… to 2026-…`. */
function gapsOf(text: string): readonly Asked[] {
  return [...text.matchAll(/(\d{4}-\S+?Z) to (\d{4}-\S+?Z)/g)].flatMap(([, from = '', to = '']) => {
    const [begin, end] = [parseTime(from), parseTime(to)];
    return begin === undefined || end === undefined ? [] : [{ from: begin, to: end }];
  });
}
