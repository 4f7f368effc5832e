import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Fault, fault } from '../model/errors/fault.ts';
import { limits } from '../model/limits.ts';
import type { TimeNs } from '../model/time.ts';
import { encodePcapHeader, pcapHeaderBytes } from '../pcap/pcap_header.ts';
import type { SampleClock } from './clock.ts';
import { index_version } from './index/index_layout.ts';
import { type PacketFileContent, readPacketFile } from './read_packet_file.ts';
import { sealSegment, syncDirectory } from './seal_segment.ts';
import type { SealedSegment } from './sealed_segment.ts';
import { latest, segmentCover } from './segment_cover.ts';
import {
  clockOffset,
  encodeSegmentHeader,
  readSegmentHeader,
  type SegmentHeader,
  type SegmentHeaderRead,
} from './segment_header.ts';
import {
  encodeLossMark,
  encodeSegmentMark,
  encodeSumMark,
  readSegmentMarks,
  type SealReason,
  type SegmentMark,
  type SegmentMarks,
} from './segment_mark.ts';
import { segmentLabel } from './segment_label.ts';
import { segmentFiles } from './segment_name.ts';
import type { StreamName } from './stream_name.ts';

/** Where a segment was found and what it is measured by. */
export interface RecoverContext {
  readonly stream: StreamName;
  readonly directory: string;
  readonly clock: SampleClock;
  /** This boot. */
  readonly boot: Uint8Array;
  readonly report: (fault: Fault) => void;
}

/** How the segment before ended. */
export interface SegmentEnd {
  readonly number: number;
  readonly reason?: SealReason;
  readonly watermark: TimeNs;
  /** Time of its newest packet; absent without one. */
  readonly greatest?: TimeNs;
}

/** The end of a sealed segment. */
export function endOf({ number, cover: { reason, to }, greatest }: SealedSegment): SegmentEnd {
  return {
    number,
    watermark: to,
    ...(reason === undefined ? {} : { reason }),
    ...(greatest === undefined ? {} : { greatest }),
  };
}

/** What became of a segment. `foreign` is left alone; `removed` held nothing. */
export type Recovered =
  | {
      readonly kind: 'sealed';
      readonly segment: SealedSegment;
      /** It was sealed before, and should have an index. */
      readonly index_missing?: boolean;
    }
  | { readonly kind: 'removed' }
  | { readonly kind: 'foreign'; readonly name: string };

interface HeaderFile {
  readonly bytes: number;
  readonly read: SegmentHeaderRead;
  readonly marks: SegmentMarks;
}

/**
 * Brings one segment to where it can be queried, after any kind of end: the table "What happens at start" of
 * docs/formats/segments.md. `open_name` says that its packet file still has the name of an open one; `before` is the segment before
 * it in the stream.
 */
export async function recoverSegment(
  number: number,
  open_name: boolean,
  context: RecoverContext,
  before?: SegmentEnd,
): Promise<Recovered> {
  const files = segmentFiles(number);
  const name = open_name ? files.open : files.sealed;
  const header = readHeaderFile(join(context.directory, files.header));
  if (header.read.kind === 'newer') {
    context.report(
      fault('segment_newer', { segment: segmentLabel(context.stream, number), version: header.read.version }),
    );
    return { kind: 'foreign', name };
  }
  // A store of a day has thousands of files: without a promise for each, opening takes a quarter of the time.
  const descriptor = openSync(join(context.directory, name), 'r');
  try {
    const { size } = fstatSync(descriptor);
    if (size < pcapHeaderBytes && open_name) return await removeEmpty(number, context);
    const begin = new Uint8Array(pcapHeaderBytes);
    readSync(descriptor, begin, 0, pcapHeaderBytes, 0);
    const expected = packetFileHeader(context.stream.linktype);
    if (expected.some((byte, index) => begin[index] !== byte)) return { kind: 'foreign', name };
    if (open_name) return await sealTorn(number, size, header, context, before);
    const segment = await openSealed(number, descriptor, size, header, context);
    const announced = header.read.kind === 'good' && header.read.header.index_version > 0;
    const whole = lastMark(header)?.offset === size;
    const index_missing = announced && whole && segment.records > 0 && segment.index_bytes === undefined;
    return { kind: 'sealed', segment, index_missing };
  } finally {
    closeSync(descriptor);
  }
}

/** The first 24 bytes of every packet file of a stream. */
export function packetFileHeader(linktype: number): Uint8Array {
  return encodePcapHeader({ linktype, snaplen: limits.sample_snaplen_bytes });
}

function readHeaderFile(path: string): HeaderFile {
  let bytes: Uint8Array | undefined;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const read = bytes === undefined ? { kind: 'damaged' as const, reason: 'it is missing' } : readSegmentHeader(bytes);
  const marks = read.kind === 'good' && bytes !== undefined ? readSegmentMarks(bytes, read.length) : undefined;
  return { bytes: bytes?.length ?? 0, read, marks: marks ?? { marks: [], torn_bytes: 0 } };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

async function removeEmpty(number: number, { directory }: RecoverContext): Promise<Recovered> {
  const files = segmentFiles(number);
  await unlink(join(directory, files.open));
  await unlink(join(directory, files.header)).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
  });
  return { kind: 'removed' };
}

async function sealTorn(
  number: number,
  size: number,
  header: HeaderFile,
  context: RecoverContext,
  before: SegmentEnd | undefined,
): Promise<Recovered> {
  const files = segmentFiles(number);
  const packets = await open(join(context.directory, files.open), 'r+');
  try {
    const trusted = isTrusted(header, number, context);
    const sums = trusted ? header.marks.sums : undefined;
    const content = readPacketFile(packets.fd, size, limits.sample_snaplen_bytes, sums);
    const last = lastMark(header);
    if (content.records === 0 && last === undefined) return await removeEmpty(number, context);
    if (content.end < size) {
      await packets.truncate(content.end);
      const cut = {
        segment: segmentLabel(context.stream, number),
        cut_bytes: size - content.end,
        kept_bytes: content.end,
      };
      context.report(fault('segment_cut', cut));
    }
    if (trusted && last !== undefined) {
      const expected_bytes = writtenBytes(header);
      const short = content.end < expected_bytes;
      if (short) {
        const lengths = { found_bytes: size, expected_bytes, used_bytes: content.end };
        context.report(fault('segment_length', { segment: segmentLabel(context.stream, number), ...lengths }));
      }
      const reached = short ? undefined : handedOver(number, header, before);
      // Of the time of what is missing at the end nothing is known.
      const known = short ? { ...last, watermark: content.greatest ?? startOf(header) ?? last.watermark } : last;
      await sealAgain(number, packets, known, endMarks(content, known, header, context, reached), context);
    } else {
      const reason = header.read.kind === 'damaged' ? header.read.reason : 'it has no good start mark of this segment';
      context.report(fault('segment_header_invalid', { segment: segmentLabel(context.stream, number), reason }));
      await rebuildHeader(number, content, header, context);
      await packets.sync();
      await rename(join(context.directory, files.open), join(context.directory, files.sealed));
      await syncDirectory(context.directory);
    }
    const sealed = readHeaderFile(join(context.directory, files.header));
    return { kind: 'sealed', segment: describe(number, content.end, content.end, sealed, context) };
  } finally {
    await packets.close();
  }
}

async function sealAgain(
  number: number,
  packets: FileHandle,
  last: SegmentMark,
  ends: readonly [SegmentMark, ...SegmentMark[]],
  context: RecoverContext,
): Promise<void> {
  const { directory, stream } = context;
  const header = await open(join(directory, segmentFiles(number).header), 'r+');
  try {
    if (!(await sealSegment({ directory, number, packets, header }, last, ends))) {
      context.report(fault('segment_unsynced', { segment: segmentLabel(stream, number) }));
    }
  } finally {
    await header.close();
  }
}

async function openSealed(
  number: number,
  descriptor: number,
  size: number,
  header: HeaderFile,
  context: RecoverContext,
): Promise<SealedSegment> {
  const segment = segmentLabel(context.stream, number);
  const seal = lastMark(header);
  if (seal?.kind === 'seal' && isTrusted(header, number, context)) {
    if (seal.offset === size) return describe(number, size, size, header, context);
    const limit = Math.min(size, seal.offset);
    const content = readPacketFile(descriptor, limit, limits.sample_snaplen_bytes, header.marks.sums);
    const lengths = { found_bytes: size, expected_bytes: seal.offset, used_bytes: content.end };
    context.report(fault('segment_length', { segment, ...lengths }));
    return describe(number, content.end, size, header, context, content);
  }
  const reason = header.read.kind === 'damaged' ? header.read.reason : 'it is not that of a sealed segment';
  context.report(fault('segment_header_invalid', { segment, reason }));
  const sums = isOf(header, number, context.stream) ? header.marks.sums : undefined;
  const content = readPacketFile(descriptor, size, limits.sample_snaplen_bytes, sums);
  await rebuildHeader(number, content, header, context);
  const rebuilt = readHeaderFile(join(context.directory, segmentFiles(number).header));
  return describe(number, content.end, size, rebuilt, context);
}

function isTrusted(header: HeaderFile, number: number, { stream }: RecoverContext): boolean {
  return isOf(header, number, stream) && segmentCover(header.marks) !== undefined;
}

function isOf({ read }: HeaderFile, number: number, stream: StreamName): boolean {
  if (read.kind !== 'good') return false;
  const { header } = read;
  return header.number === number && header.linktype === stream.linktype && header.interface === stream.interface;
}

function lastMark(header: HeaderFile): SegmentMark | undefined {
  return header.marks.marks.filter((mark) => mark !== 'damaged').at(-1);
}

/** So long the packet file had become by the last that is known of it. */
function writtenBytes({ marks: { marks, sums = [] } }: HeaderFile): number {
  const offsets = marks.flatMap((mark) => (mark === 'damaged' ? [] : [mark.offset]));
  return Math.max(0, ...offsets, ...sums.map(({ offset }) => offset));
}

/** What a segment covers begins after this. */
function startOf({ marks: { marks } }: HeaderFile): TimeNs | undefined {
  return marks.filter((mark) => mark !== 'damaged').find(({ kind }) => kind === 'start')?.watermark;
}

/**
 * A segment that is full may have packets from behind its watermark, which is where the next one begins: of the time up to them
 * the next one tells. Undefined where that is not so.
 */
function handedOver(number: number, { marks }: HeaderFile, before: SegmentEnd | undefined): TimeNs | undefined {
  const [start] = marks.marks;
  if (start === undefined || start === 'damaged' || start.kind !== 'start' || before?.number !== number - 1)
    return undefined;
  const { reason, watermark, greatest } = before;
  return (reason === 'size' || reason === 'age') && watermark === start.watermark ? greatest : undefined;
}

/**
 * The marks that end a torn segment. Where the machine went down with the sampler, the disk may have taken packets and not a mark
 * of their rate: behind the last mark it is not known.
 */
function endMarks(
  content: PacketFileContent,
  last: SegmentMark,
  { read }: HeaderFile,
  { boot }: RecoverContext,
  reached: TimeNs | undefined,
): readonly [SegmentMark, ...SegmentMark[]] {
  if (read.kind === 'good' && isOfBoot(read.header, boot)) return [endMark(content, last, 'crash', reached)];
  const { rate_since: _since, rate_unknown_us: _unknown, reason: _reason, ...counted } = last;
  const unknown = { ...counted, kind: 'rate' as const, rate: 0 };
  return [unknown, endMark(content, unknown, 'crash', reached)];
}

function isOfBoot(header: SegmentHeader, boot: Uint8Array): boolean {
  return boot.some((byte) => byte !== 0) && header.boot.every((byte, index) => byte === boot[index]);
}

function endMark(
  content: PacketFileContent,
  last: SegmentMark,
  reason: 'crash' | 'rebuilt',
  reached?: TimeNs,
): SegmentMark {
  const { least: _least, greatest: _greatest, rate_unknown_us: _unknown, ...counted } = last;
  return {
    ...counted,
    kind: 'seal',
    watermark: latest(last.watermark, content.greatest, reached),
    offset: content.end,
    records: content.records,
    ...(content.least === undefined ? {} : { least: content.least }),
    ...(content.greatest === undefined ? {} : { greatest: content.greatest }),
    reason,
  };
}

/** Writes a header that says what is still known, and puts it in the place of the damaged one. */
async function rebuildHeader(
  number: number,
  content: PacketFileContent,
  damaged: HeaderFile,
  { stream, directory, clock }: RecoverContext,
): Promise<void> {
  const files = segmentFiles(number);
  const fixed = encodeSegmentHeader({
    ...stream,
    snaplen_bytes: limits.sample_snaplen_bytes,
    rate: 0,
    number,
    made: clock.now(),
    made_monotonic: 0n,
    boot: new Uint8Array(16),
    index_version,
  });
  const own = isOf(damaged, number, stream);
  const kept = own ? keptMarks(damaged.marks) : [];
  const losses = (own ? damaged.marks.losses : undefined) ?? [];
  const sums = ((own ? damaged.marks.sums : undefined) ?? []).filter(({ offset }) => offset <= content.end);
  const begin = content.least === undefined ? clock.now() : content.least - 1n;
  const start = {
    kind: 'start' as const,
    rate: 0,
    watermark: begin,
    monotonic: 0n,
    offset: pcapHeaderBytes,
    records: 0,
    accepted: 0n,
    dropped: 0n,
    lost: 0n,
  };
  const marks: readonly SegmentMark[] = kept[0]?.kind === 'start' ? kept : [start];
  const path = join(directory, files.new_header);
  const file = await open(path, 'w');
  try {
    const all = [...marks, endMark(content, marks.at(-1) ?? start, 'rebuilt')].map(encodeSegmentMark);
    const told = [...losses.map(encodeLossMark), ...sums.map(encodeSumMark)];
    await file.writeFile(Buffer.concat([fixed, ...all.slice(0, 1), ...told, ...all.slice(1)]));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(path, join(directory, files.header));
  await syncDirectory(directory);
}

/** The good marks but the seal. Before a damaged mark the rate may have changed: it is not known. */
function keptMarks({ marks }: SegmentMarks): SegmentMark[] {
  return marks.flatMap((mark, index) => {
    if (mark === 'damaged' || mark.kind === 'seal') return [];
    const { rate_since: _since, rate_unknown_us: _unknown, ...counted } = mark;
    return [marks[index + 1] === 'damaged' ? { ...counted, rate: 0 } : mark];
  });
}

function describe(
  number: number,
  length: number,
  file_bytes: number,
  header: HeaderFile,
  context: RecoverContext,
  found?: PacketFileContent,
): SealedSegment {
  const seal = lastMark(header);
  const cover = segmentCover(header.marks, undefined, clockOffset(header.read));
  if (seal === undefined || cover === undefined || header.read.kind !== 'good') {
    throw new Error(`segment ${number} has no header after it was recovered`);
  }
  const content = found ?? seal;
  // What is missing at the end was there when the last mark was written.
  const damaged_from = found !== undefined && found.end < seal.offset ? surelyWithin(header, found.end) : undefined;
  const { index } = segmentFiles(number);
  // Of other packets than those that are left, it is of no use.
  const index_bytes =
    found === undefined ? statSync(join(context.directory, index), { throwIfNoEntry: false })?.size : undefined;
  return {
    ...(index_bytes === undefined ? {} : { index_bytes }),
    number,
    length,
    disk_bytes: file_bytes + header.bytes,
    records: content.records,
    ...(content.least === undefined ? {} : { least: content.least }),
    ...(content.greatest === undefined ? {} : { greatest: content.greatest }),
    cover: damaged_from === undefined ? cover : { ...cover, damaged_from },
    sealed_monotonic: sealedMonotonic(header.read.header, seal, context),
  };
}

/** All packets up to this moment lie before `end` in the packet file: before any, where no mark says so. */
function surelyWithin({ marks: { marks, sums = [] } }: HeaderFile, end: number): TimeNs {
  const good = marks.filter((mark) => mark !== 'damaged');
  const within = [...good, ...sums].filter(({ offset }) => offset <= end).map(({ watermark }) => watermark);
  return latest(0n, ...within);
}

/** A segment of this boot has its age; one of another has the age that the wall clock gives it now. */
function sealedMonotonic(header: SegmentHeader, seal: SegmentMark, { clock, boot }: RecoverContext): bigint {
  const now = clock.monotonic();
  if (isOfBoot(header, boot)) {
    return seal.monotonic < now ? seal.monotonic : now;
  }
  const age = clock.now() - seal.watermark;
  return age > 0n ? now - age : now;
}
