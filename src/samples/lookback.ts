import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { IndexFormula } from '../filter/index_formula.ts';
import type { Program } from '../libpcap/program.ts';
import { raise } from '../model/errors/fault.ts';
import type { Covered } from '../model/covered.ts';
import { limits } from '../model/limits.ts';
import type { TimeNs } from '../model/time.ts';
import { coveredShare } from '../model/covered_time.ts';
import type { CountOrder, StreamCount, StreamCounts } from './count_streams.ts';
import { lostWeight } from './lost_weight.ts';
import { segmentLabel } from './segment_label.ts';
import type { OpenSegment } from './open_segments.ts';
import type { SamplerState } from './sampler_state.ts';
import type { GrowingIndex, ScanDamage, ScanSegment, StreamFilter } from './scan_job.ts';
import type { NewestJob, ScanResult } from './scan_segments.ts';
import { type LiveCover, segmentCover, type SegmentCover } from './segment_cover.ts';
import { clockOffset, readSegmentHeader, segment_header_bytes } from './segment_header.ts';
import { readSegmentMarks } from './segment_mark.ts';
import { segmentFiles } from './segment_name.ts';
import type { Stream } from './stream.ts';
import { type Gap, type Window, type WindowCoverage, windowCoverage } from './window_coverage.ts';

/** A look-back: the newest packets of a window that match. */
export interface LookbackQuery extends Window {
  /** The filter for each link type; interfaces of any other are left out, and the answer says so, unless inner packets may match. */
  readonly programs: ReadonlyMap<number, Program>;
  /** What every packet that matches satisfies: what an index is asked. */
  readonly formula: IndexFormula;
  /** Where the IP packets inside of others count too. */
  readonly inner?: InnerFilter;
  /** 1 to 10,000. */
  readonly packet_limit: number;
  /** Whose it is: each owner has its turns. What has none shares one. */
  readonly owner?: string;
  /** Of this interface alone; of all by default. */
  readonly interface?: string;
  readonly signal?: AbortSignal;
}

/** The filter of IP packets inside of others: a packet matches, too, where one of them does and the packet itself matches the scope. */
export interface InnerFilter {
  /** For link type 101: the packet inside is matched as if it had been captured alone. */
  readonly program: Program;
  /** What every packet inside that matches satisfies. */
  readonly formula: IndexFormula;
  /** What the account may see, for each link type; where one is missing, nothing inside counts. */
  readonly scopes: ReadonlyMap<number, Program>;
}

/** Packets of one interface. */
export interface LookbackChunk {
  readonly interface: string;
  readonly linktype: number;
  /** Whole little-endian nanosecond pcap records, at most 256 KiB, ascending in the order of all packets. */
  readonly records: Uint8Array;
  readonly packets: number;
}

/** What the samples of one interface and link type can say about the window. */
export interface LookbackCoverage extends WindowCoverage {
  readonly interface: string;
  /** Absent where the interface could not be opened yet. */
  readonly linktype?: number;
  /** Every packet up to this moment was visible to the query; absent where the interface is not being sampled. */
  readonly watermark?: TimeNs;
  /** Where the wall clock stood when it was set, near or in the window. */
  readonly clock_set: readonly TimeNs[];
  /** How much of the window the samples of the interface cover, whatever their link types. */
  readonly covered: Covered;
  /** From when to when the interface has samples, whatever was asked; absent where it has none. */
  readonly samples?: Window;
  /** At most so many samples match that are not in the answer, because what decides was not kept of them. */
  readonly unjudged?: number;
  /** There was no filter for its link type. */
  readonly excluded: boolean;
  /** Packets of the answer. */
  readonly packets: number;
}

/** The answer to a look-back. */
export interface LookbackAnswer {
  /** Ascending within each interface and link type, which come one after the other. */
  readonly chunks: readonly LookbackChunk[];
  readonly packets: number;
  /** There may be older packets that match: the limit kept them out. */
  readonly truncated: boolean;
  readonly coverage: readonly LookbackCoverage[];
  /** What more there is to say of the window, a moment later. Never rejects. */
  readonly counted: Promise<LookbackCounts>;
}

/** What the packets of a window stand for that are not in the answer. */
export interface LookbackCounts {
  /** There are or may be older packets that match: the limit kept them out. */
  readonly truncated: boolean;
  readonly interfaces: readonly InterfaceCount[];
}

/** Of one interface and link type. */
export interface InterfaceCount {
  readonly interface: string;
  readonly linktype: number;
  /** For so many packets those stand that match and that the limit has kept out; absent where it has kept out none. */
  readonly kept_out_estimated?: bigint;
  /** Likewise those that were lost and would have matched; absent where none were lost, or nobody can say. */
  readonly lost_estimated?: bigint;
}

/** What of an open segment a look-back looks at. */
export interface ViewedSegment extends Omit<OpenSegment, 'packets' | 'header'> {
  readonly header: Pick<OpenSegment['header'], 'fd'>;
}

/** What a look-back reads: the store at one moment. */
export interface LookbackView {
  readonly streams: readonly Stream[];
  readonly samplers: readonly {
    readonly interface: string;
    readonly state: SamplerState;
    readonly open: readonly ViewedSegment[];
  }[];
  /** Not before anything that the samplers have counted by now. */
  readonly now: TimeNs;
  /** What is known of segments without an index file, by `segmentLabel`; asked for before the view was taken. */
  readonly growing: ReadonlyMap<string, GrowingIndex>;
}

interface TouchedSegment extends Omit<ScanSegment, 'stream' | 'descriptor' | 'index_descriptor' | 'header_path'> {
  readonly directory: string;
  readonly has_index: boolean;
}

interface ViewedStream {
  readonly stream: Stream;
  readonly covers: readonly SegmentCover[];
  readonly segments: readonly TouchedSegment[];
  readonly watermark?: TimeNs;
}

/** Is there anything in the window that has no index file: about which the index that is still being made is to be asked? */
export function touchesGrowing(window: Window, { streams, samplers }: Omit<LookbackView, 'growing'>): boolean {
  const sealed = streams.some(({ sealed: all }) =>
    all.some((one) => one.index_bytes === undefined && touches(window, one)),
  );
  return sealed || samplers.some(({ state, open }) => open.some(({ slot }) => touches(window, state.content(slot))));
}

/** Has the segment packets that may be in the window? */
function touches<Of extends { readonly least?: TimeNs; readonly greatest?: TimeNs }>(
  window: Window,
  of: Of,
): of is Of & { readonly least: TimeNs; readonly greatest: TimeNs } {
  const { least, greatest } = of;
  return least !== undefined && greatest !== undefined && greatest > window.from && least <= window.to;
}

/** A look-back that is ready to scan. `close` closes its files, whatever became of them in the meantime. */
export interface PreparedLookback {
  readonly job: NewestJob;
  readonly count: CountOrder;
  /** The streams that the numbers in the job stand for. */
  readonly streams: readonly Stream[];
  answer(result: ScanResult): Omit<LookbackAnswer, 'counted'>;
  /** What of the counts its askers are told. */
  counts(counts: StreamCounts): LookbackCounts;
  /** What the samples can say about the window, once it is known what could not be read and how many packets each stream had. */
  coverage(
    scanned: Pick<ScanResult, 'damage' | 'unjudged'>,
    packetsOf: (stream: number) => number,
  ): readonly LookbackCoverage[];
  close(): void;
}

const piece_max_bytes = 256 * 1024;

/**
 * Takes down what there is at this moment and opens the files that the window touches, all at once.
 *
 * @throws FaultError `lookback_failed` where a file is there and cannot be opened.
 */
export function prepareLookback(query: LookbackQuery, view: LookbackView): PreparedLookback {
  const viewed = viewStreams(query, view).sort((a, b) => compareStreams(a.stream, b.stream));
  const segments: ScanSegment[] = [];
  const damage: { stream: number; from: TimeNs; to: TimeNs }[] = [];
  const close = (): void => {
    for (const { descriptor, index_descriptor } of segments.splice(0)) {
      closeSync(descriptor);
      if (index_descriptor !== undefined) closeSync(index_descriptor);
    }
  };
  try {
    for (const [stream, { stream: of, segments: touched }] of viewed.entries()) {
      if (!isSearched(query, of.linktype)) continue;
      for (const { directory, has_index, ...segment } of touched) {
        const descriptor = openPackets(directory, segment.number);
        if (descriptor === undefined) {
          damage.push({ stream, from: segment.least - 1n, to: segment.greatest });
          continue;
        }
        const index_descriptor = has_index ? openIndex(directory, segment.number) : undefined;
        segments.push({
          ...segment,
          stream,
          descriptor,
          header_path: join(directory, segmentFiles(segment.number).header),
          ...(index_descriptor === undefined ? {} : { index_descriptor }),
        });
      }
    }
  } catch (cause) {
    close();
    const reason = cause instanceof Error ? cause.message : String(cause);
    return raise('lookback_failed', { reason }, { cause });
  }
  const filters = viewed.flatMap(({ stream: { linktype } }, stream): StreamFilter[] => {
    if (!isSearched(query, linktype)) return [];
    const [program, scope] = [query.programs.get(linktype), query.inner?.scopes.get(linktype)];
    return [{ stream, ...(program === undefined ? {} : { program }), ...(scope === undefined ? {} : { scope }) }];
  });
  const sampled = new Set(view.samplers.map((sampler) => sampler.interface));
  const coverage: PreparedLookback['coverage'] = (found, packetsOf) =>
    coverageOf(query, viewed, sampled, { ...found, damage: [...damage, ...found.damage] }, packetsOf);
  const { from, to, packet_limit, formula, inner } = query;
  const touching = viewed.map(({ covers }) => covers.filter((cover) => cover.to > from && cover.from < to));
  const lost = viewed.map(({ covers }) => lostWeight(covers, query));
  return {
    count: {
      rates: touching.map((covers) => windowCoverage(query, covers, undefined, []).rates),
      lossy: lost.flatMap((weight, stream) => (weight > 0 ? [stream] : [])),
    },
    job: {
      from,
      to,
      packet_limit,
      snaplen_bytes: limits.sample_snaplen_bytes,
      piece_max_bytes,
      filters,
      formula,
      ...(inner === undefined ? {} : { inner: { program: inner.program, formula: inner.formula } }),
      segments,
    },
    streams: viewed.map(({ stream }) => stream),
    answer: (result) => makeAnswer(viewed, result, coverage),
    counts: ({ streams, truncated }) => ({
      truncated,
      interfaces: streams.flatMap((one) => countOf(one, viewed[one.stream]?.stream, lost[one.stream] ?? 0)),
    }),
    coverage,
    close,
  };
}

/** Can packets of this link type match, as they are or by what is inside of them? */
function isSearched({ programs, inner }: LookbackQuery, linktype: number): boolean {
  return programs.has(linktype) || inner?.scopes.has(linktype) === true;
}

/** Orders as the records of two streams are ordered at the same moment: by name, bytewise, then link type. */
export function compareStreams(
  a: Pick<Stream, 'interface' | 'linktype'>,
  b: Pick<Stream, 'interface' | 'linktype'>,
): number {
  return Buffer.compare(Buffer.from(a.interface), Buffer.from(b.interface)) || a.linktype - b.linktype;
}

function viewStreams(window: Window, view: LookbackView): ViewedStream[] {
  const open = view.samplers.flatMap((sampler) => {
    // The watermark before the lengths: everything up to it lies within them.
    const { watermark } = sampler.state;
    return sampler.open.map((segment) => ({
      segment,
      watermark,
      sampler,
      content: sampler.state.content(segment.slot),
    }));
  });
  return view.streams.map((stream) => {
    const covers = stream.sealed.map(({ cover }) => cover);
    const segments: ViewedStream['segments'][number][] = [];
    const touch = (
      number: number,
      content: {
        readonly length: number;
        readonly checksum?: number;
        readonly least?: TimeNs;
        readonly greatest?: TimeNs;
      },
      has_index: boolean,
    ): void => {
      if (!touches(window, content)) return;
      const { length, least, greatest, checksum } = content;
      const { directory, linktype } = stream;
      const growing = has_index ? undefined : view.growing.get(segmentLabel(stream, number));
      // After a crash less may have been left than was seen before.
      const indexed = growing !== undefined && growing.end <= length ? { growing } : {};
      const known = { ...indexed, ...(checksum === undefined ? {} : { checksum }) };
      segments.push({ directory, number, linktype, length, least, greatest, has_index, ...known });
    };
    for (const segment of stream.sealed) touch(segment.number, segment, segment.index_bytes !== undefined);
    let watermark: TimeNs | undefined;
    for (const { segment, watermark: reached, sampler, content } of open) {
      // Nothing is published of a segment that the sampler has not begun.
      if (segment.stream !== stream || content.length === 0 || reached === undefined) continue;
      touch(segment.number, content, false);
      const sampling = sampler.state.phase === 'sampling';
      if (sampling && segment.phase !== 'finished') watermark = reached;
      const cover = openCover(segment, { watermark: reached, now: view.now, ...content });
      if (cover !== undefined) covers.push(sampling ? cover : { reason: 'interface_away', ...cover });
    }
    return { stream, covers, segments, ...(watermark === undefined ? {} : { watermark }) };
  });
}

/** What a segment covers that is not sealed: up to its last mark where it has one already, else up to the watermark. */
function openCover({ header, seal }: ViewedSegment, live: LiveCover): SegmentCover | undefined {
  const bytes = new Uint8Array(fstatSync(header.fd).size);
  const read = readSegmentMarks(
    bytes.subarray(0, readSync(header.fd, bytes, 0, bytes.length, 0)),
    segment_header_bytes,
  );
  const clock_offset = clockOffset(readSegmentHeader(bytes));
  return seal === undefined
    ? segmentCover(read, live, clock_offset)
    : segmentCover({ ...read, marks: [...read.marks, seal] }, undefined, clock_offset);
}

/** One that is gone was damaged, and is being made again; or its whole segment has just gone. */
function openIndex(directory: string, number: number): number | undefined {
  try {
    return openSync(join(directory, segmentFiles(number).index), 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** An open segment is sealed at any moment, and then has its other name. */
function openPackets(directory: string, number: number): number | undefined {
  const files = segmentFiles(number);
  for (const name of [files.sealed, files.open, files.sealed]) {
    try {
      return openSync(join(directory, name), 'r');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
  return undefined;
}

function countOf(
  { kept_out, matching_share }: StreamCount,
  stream: Stream | undefined,
  lost: number,
): readonly InterfaceCount[] {
  if (stream === undefined) return [];
  const { interface: name, linktype } = stream;
  return [
    {
      interface: name,
      linktype,
      ...(kept_out === undefined ? {} : { kept_out_estimated: BigInt(kept_out) }),
      ...(matching_share === undefined ? {} : { lost_estimated: BigInt(Math.round(lost * matching_share)) }),
    },
  ];
}

function makeAnswer(
  viewed: readonly ViewedStream[],
  result: ScanResult,
  coverage: PreparedLookback['coverage'],
): Omit<LookbackAnswer, 'counted'> {
  const chunks = result.pieces.flatMap(({ stream, records, count }) => {
    const of = viewed[stream]?.stream;
    return of === undefined ? [] : [{ interface: of.interface, linktype: of.linktype, records, packets: count }];
  });
  const packetsOf = (stream: number): number =>
    result.pieces.filter((piece) => piece.stream === stream).reduce((sum, { count }) => sum + count, 0);
  const packets = chunks.reduce((sum, chunk) => sum + chunk.packets, 0);
  return { chunks, packets, truncated: result.truncated, coverage: coverage(result, packetsOf) };
}

function coverageOf(
  query: LookbackQuery,
  viewed: readonly ViewedStream[],
  sampled: ReadonlySet<string>,
  { damage, unjudged }: Pick<ScanResult, 'damage' | 'unjudged'>,
  packetsOf: (stream: number) => number,
): LookbackCoverage[] {
  const coverage: LookbackCoverage[] = [];
  for (const [number, { stream, covers, watermark }] of viewed.entries()) {
    const packets = packetsOf(number);
    const holes = damage.filter((hole) => hole.stream === number);
    const touching = covers.filter((cover) => cover.to > query.from && cover.from < query.to);
    const touches = touching.length > 0;
    if (!touches && packets === 0 && holes.length === 0 && !sampled.has(stream.interface)) continue;
    const { rates, dropped, dropped_is_upper_bound } = windowCoverage(query, covers, watermark, []);
    const shared = {
      interface: stream.interface,
      linktype: stream.linktype,
      excluded: !isSearched(query, stream.linktype),
      ...(watermark === undefined ? {} : { watermark }),
      rates,
      dropped,
      ...(dropped_is_upper_bound === undefined ? {} : { dropped_is_upper_bound }),
      ...unjudgedOf(number, unjudged),
      clock_set: touching.filter(({ reason }) => reason === 'clock_set').map(({ to }) => to),
      packets,
      ...ofInterface(query, viewed, stream.interface, damage),
    };
    coverage.push({ ...shared, gaps: gapsOf(query, viewed, number, holes) });
  }
  for (const name of sampled) {
    if (coverage.some((one) => one.interface === name)) continue;
    const gaps = windowCoverage(query, [], undefined, []).gaps;
    const nothing = { rates: [], dropped: 0n, clock_set: [], packets: 0, covered: 'nothing' } as const;
    coverage.push({ interface: name, excluded: false, gaps, ...nothing });
  }
  return coverage;
}

function unjudgedOf(stream: number, all: ScanResult['unjudged']): Pick<LookbackCoverage, 'unjudged'> {
  const packets = all.find((one) => one.stream === stream)?.packets;
  return packets === undefined ? {} : { unjudged: packets };
}

/** What all streams of an interface together have to say. */
function ofInterface(
  query: Window,
  viewed: readonly ViewedStream[],
  name: string,
  damage: readonly ScanDamage[],
): Pick<LookbackCoverage, 'covered' | 'samples'> {
  const same = viewed.filter(({ stream }) => stream.interface === name);
  const covers = same.flatMap((one) => one.covers);
  const holes = damage.filter((hole) => viewed[hole.stream]?.stream.interface === name);
  const covered = coveredShare(query, windowCoverage(query, covers, undefined, holes).gaps);
  const [first] = covers;
  if (first === undefined) return { covered };
  let { from, to } = first;
  for (const cover of covers) {
    if (cover.from < from) from = cover.from;
    if (cover.to > to) to = cover.to;
  }
  return { covered, samples: { from, to } };
}

/**
 * An interface whose link type has changed has several streams: what one does not cover another may, so only the newest has the
 * gaps of all.
 */
function gapsOf(
  query: Window,
  viewed: readonly ViewedStream[],
  number: number,
  damage: readonly Window[],
): readonly Gap[] {
  const of = viewed[number];
  const same = viewed.filter(({ stream }) => stream.interface === of?.stream.interface);
  const newest = same.toSorted((a, b) => (endOf(a) < endOf(b) ? -1 : 1)).at(-1);
  const covers = of === newest ? same.flatMap((one) => one.covers) : [{ ...query, rates: [], losses: [] }];
  return windowCoverage(query, covers, of?.watermark, damage).gaps;
}

function endOf({ covers }: ViewedStream): TimeNs {
  return covers.reduce((end, cover) => (cover.to > end ? cover.to : end), 0n);
}
