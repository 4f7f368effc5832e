import { accept, accept_bytes, encodeInstructions } from '../libpcap/program.ts';
import type { TimeNs } from '../model/time.ts';
import { recordHeaderBytes } from '../pcap/pcap_record.ts';
import { countMatches, weightOf } from './count_matches.ts';
import type { NewestShare } from './newest_records.ts';
import { createRateTrack } from './rate_track.ts';
import type { NewestJob, ScanResult } from './scan_segments.ts';
import type { RateSpan } from './segment_cover.ts';
import { splitTime } from './split_time.ts';
import { acceptsAll } from './stream_matcher.ts';
import type { VisitPorts } from './visit_matches.ts';

/** What is to be counted after a look-back was answered. */
export interface CountOrder {
  /** The sampling rates of the streams, by their numbers. */
  readonly rates: readonly (readonly RateSpan[])[];
  /** The streams that have lost samples in the window: how many of these would have matched? */
  readonly lossy: readonly number[];
}

/** What one stream's samples beside those of the answer stand for. */
export interface StreamCount {
  readonly stream: number;
  /** Packets that match and that the limit has kept out; absent where it has kept out none, or nobody can say. */
  readonly kept_out?: number;
  /** Which part of all packets match, 0 to 1; absent where no samples were lost, or none are left to tell by. */
  readonly matching_share?: number;
}

/** All counts of a look-back. */
export interface StreamCounts {
  readonly streams: readonly StreamCount[];
  /** There may be older packets that match: the limit kept them out. */
  readonly truncated: boolean;
}

/** What an answer has already, taken down before it is sent. */
export interface AnsweredWeights {
  /** Per stream: for how many packets its records stand (where it has lost some), and those of them that are as old as the oldest of all. */
  readonly streams: readonly { readonly all: number; readonly oldest: number }[];
  readonly truncated: boolean;
  readonly floor?: TimeNs;
}

/** Is there anything to be counted beside the answer? */
export function hasToCount({ truncated }: Pick<ScanResult, 'truncated'>, { lossy }: CountOrder): boolean {
  return truncated || lossy.length > 0;
}

/** Takes down what an answer has. */
export function answeredWeights(
  { pieces, truncated, floor }: ScanResult,
  { rates, lossy }: CountOrder,
): AnsweredWeights {
  const streams = rates.map((spans, stream) => {
    const own = pieces.filter((piece) => piece.stream === stream);
    const track = createRateTrack(spans);
    let all = 0;
    for (const { records } of lossy.includes(stream) ? own : [])
      all += weightOf(viewOf(records), 0, records.length, track);
    const oldest = floor === undefined ? 0 : countAt(floor, own) * track.rateAt(...split(floor));
    return { all, oldest };
  });
  return { streams, truncated, ...(floor === undefined ? {} : { floor }) };
}

/**
 * Counts what the limit has kept out, and which part of all packets match where samples were lost. The look-back has been answered: nothing
 * here may take long.
 */
export function countStreams(
  job: NewestJob,
  { rates, lossy }: CountOrder,
  answered: AnsweredWeights,
  ports: VisitPorts,
): StreamCounts {
  let complete = true;
  const streams = job.filters.map(({ stream, program }): StreamCount => {
    const spans = rates[stream] ?? [];
    const have = answered.streams[stream] ?? { all: 0, oldest: 0 };
    let kept_out = 0;
    if (answered.truncated) {
      const { floor = job.to } = answered;
      const older = countMatches({ job: { ...job, to: floor }, stream, rates: spans }, ports);
      complete &&= older?.exact === true;
      kept_out = Math.max(0, (older?.packets ?? 0) - have.oldest);
    }
    const share = !lossy.includes(stream)
      ? undefined
      : program !== undefined && acceptsAll(program)
        ? 1
        : shareOf(
            have.all + kept_out,
            countMatches({ job: everyPacket(job, stream), stream, rates: spans }, ports)?.packets,
          );
    return {
      stream,
      ...(kept_out === 0 ? {} : { kept_out }),
      ...(share === undefined ? {} : { matching_share: share }),
    };
  });
  const found = streams.some(({ kept_out }) => kept_out !== undefined);
  return { streams, truncated: answered.truncated && (found || !complete) };
}

function shareOf(matching: number, all: number | undefined): number | undefined {
  return all === undefined || all === 0 ? undefined : Math.min(1, matching / all);
}

/** The same question for every packet of a stream. */
function everyPacket({ inner: _inner, ...job }: NewestJob, stream: number): NewestJob {
  const linktype = job.segments.find((segment) => segment.stream === stream)?.linktype ?? 0;
  const program = { linktype, instructions: encodeInstructions([accept(accept_bytes)]) };
  return { ...job, formula: { kind: 'any' }, filters: [{ stream, program }] };
}

/** How many records of a stream, oldest first, have this very time. */
function countAt(time: TimeNs, pieces: readonly NewestShare[]): number {
  const [seconds, nanos] = split(time);
  let count = 0;
  for (const { records } of pieces) {
    const view = viewOf(records);
    for (let at = 0; at < records.length; at += recordHeaderBytes + view.getUint32(at + 8, true)) {
      if (view.getUint32(at, true) !== seconds || view.getUint32(at + 4, true) !== nanos) return count;
      count += 1;
    }
  }
  return count;
}

function split(time: TimeNs): [number, number] {
  const { seconds, nanos } = splitTime(time);
  return [seconds, nanos];
}

function viewOf(records: Uint8Array): DataView {
  return new DataView(records.buffer, records.byteOffset, records.length);
}
