import { crc32 } from 'node:zlib';
import type { TimeNs } from '../model/time.ts';

/** Why a segment was sealed, in the order of the format's numbers (the first is 1). */
export const sealReasons = [
  'size',
  'age',
  'interface_away',
  'shutdown',
  'crash',
  'clock_set',
  'write_failed',
  'rebuilt',
  'unsynced',
  'interface_renamed',
] as const;

/** Why a segment was sealed. */
export type SealReason = (typeof sealReasons)[number];

/** What is written down of a segment while it grows. See docs/formats/segments.md. */
export interface SegmentMark {
  readonly kind: 'start' | 'progress' | 'rate' | 'seal';
  /** 1 in this many packets is kept; 0 is not known. */
  readonly rate: number;
  /** The rate holds for packets after this moment; absent: after `watermark`, as far as another did not hold before. */
  readonly rate_since?: TimeNs;
  /** In a mark of the kind `rate`: for so long before `rate_since` the rate is not known, 1 to 65,535; absent: since the mark before. */
  readonly rate_unknown_us?: number;
  /** Every sampled packet up to and including this moment lies before `offset`. */
  readonly watermark: TimeNs;
  readonly monotonic: bigint;
  /** Length of the packet file, the end of a whole record. */
  readonly offset: number;
  readonly records: number;
  /** Packets that passed the kernel's sampling since the segment's start. */
  readonly accepted: bigint;
  /** Of these, dropped by the full ring. */
  readonly dropped: bigint;
  /** Of these, not taken by the disk. */
  readonly lost: bigint;
  /** Least and greatest packet time before `offset`; absent without a record. */
  readonly least?: TimeNs;
  readonly greatest?: TimeNs;
  /** Of a seal. */
  readonly reason?: SealReason;
}

/** Packets that were sampled and not kept, some time in (from, to]. */
export interface LossMark {
  readonly from: TimeNs;
  readonly to: TimeNs;
  /** Dropped by the full ring. */
  readonly dropped: bigint;
  /** Not taken by the disk. */
  readonly lost: bigint;
}

/** What a packet file had been given by some moment, for whoever reads it back. */
export interface SegmentSum {
  /** CRC-32 of the packet file's bytes from its first record up to `offset`, as they left memory. */
  readonly checksum: number;
  /** Every sampled packet up to and including this moment lies before `offset`. */
  readonly watermark: TimeNs;
  /** The end of a whole record. */
  readonly offset: number;
  /** Records before `offset`, one at least, and their least and greatest time. */
  readonly records: number;
  readonly least: TimeNs;
  readonly greatest: TimeNs;
}

/** Length of a mark. */
export const segment_mark_bytes = 96;

const kinds = ['start', 'progress', 'rate', 'seal'] as const;
const loss_kind = kinds.length + 1;
const sum_kind = kinds.length + 2;

/** Writes a loss as a mark: 96 bytes. */
export function encodeLossMark(loss: LossMark): Uint8Array {
  const bytes = new Uint8Array(segment_mark_bytes);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, loss_kind, true);
  view.setUint16(2, segment_mark_bytes, true);
  view.setBigInt64(8, loss.from, true);
  view.setBigInt64(16, loss.to, true);
  view.setBigUint64(24, loss.dropped, true);
  view.setBigUint64(32, loss.lost, true);
  view.setUint32(92, crc32(bytes.subarray(0, 92)), true);
  return bytes;
}

/** Writes a sum as a mark: 96 bytes, its fields where those of a progress mark are. */
export function encodeSumMark(sum: SegmentSum): Uint8Array {
  const bytes = new Uint8Array(segment_mark_bytes);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, sum_kind, true);
  view.setUint16(2, segment_mark_bytes, true);
  view.setUint32(4, sum.checksum, true);
  view.setBigInt64(8, sum.watermark, true);
  view.setBigUint64(24, BigInt(sum.offset), true);
  view.setBigUint64(32, BigInt(sum.records), true);
  view.setBigInt64(64, sum.least, true);
  view.setBigInt64(72, sum.greatest, true);
  view.setUint32(92, crc32(bytes.subarray(0, 92)), true);
  return bytes;
}

/** Writes a mark that says how far the segment has come: 96 bytes. */
export function encodeSegmentMark(mark: SegmentMark): Uint8Array {
  const bytes = new Uint8Array(segment_mark_bytes);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, kinds.indexOf(mark.kind) + 1, true);
  view.setUint16(2, segment_mark_bytes, true);
  view.setUint32(4, mark.rate, true);
  view.setBigInt64(8, mark.watermark, true);
  view.setBigInt64(16, mark.monotonic, true);
  view.setBigUint64(24, BigInt(mark.offset), true);
  view.setBigUint64(32, BigInt(mark.records), true);
  view.setBigUint64(40, mark.accepted, true);
  view.setBigUint64(48, mark.dropped, true);
  view.setBigUint64(56, mark.lost, true);
  view.setBigInt64(64, mark.least ?? 0n, true);
  view.setBigInt64(72, mark.greatest ?? 0n, true);
  view.setUint16(80, mark.reason === undefined ? 0 : sealReasons.indexOf(mark.reason) + 1, true);
  view.setUint16(82, mark.rate_unknown_us ?? 0, true);
  view.setBigInt64(84, mark.rate_since ?? 0n, true);
  view.setUint32(92, crc32(bytes.subarray(0, 92)), true);
  return bytes;
}

/** The marks of a header file, in order, with a place where one is damaged. */
export interface SegmentMarks {
  /** `damaged` stands for one or more marks that cannot be read. */
  readonly marks: readonly (SegmentMark | 'damaged')[];
  /** The losses, in order, where there are any; `position` is how many of `marks` come before it. */
  readonly losses?: readonly (LossMark & { readonly position: number })[];
  /** The sums, in order, where there are any. */
  readonly sums?: readonly SegmentSum[];
  /** Bytes of a torn mark at the end of the file. */
  readonly torn_bytes: number;
}

/** Reads the marks of a header file, from `start` (the length of the fixed part) to its end. */
export function readSegmentMarks(bytes: Uint8Array, start: number): SegmentMarks {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const marks: (SegmentMark | 'damaged')[] = [];
  const losses: (LossMark & { readonly position: number })[] = [];
  const sums: SegmentSum[] = [];
  let at = start;
  for (; at + segment_mark_bytes <= bytes.length; at += segment_mark_bytes) {
    const good =
      view.getUint16(at + 2, true) === segment_mark_bytes &&
      crc32(bytes.subarray(at, at + 92)) === view.getUint32(at + 92, true);
    if (!good) {
      if (marks.at(-1) !== 'damaged') marks.push('damaged');
      continue;
    }
    const number = view.getUint16(at, true);
    const kind = kinds[number - 1];
    if (kind !== undefined) marks.push(decode(view, at, kind));
    else if (number === loss_kind) losses.push({ ...decodeLoss(view, at), position: marks.length });
    else if (number === sum_kind) sums.push(decodeSum(view, at));
  }
  const told = { ...(losses.length === 0 ? {} : { losses }), ...(sums.length === 0 ? {} : { sums }) };
  return { marks, ...told, torn_bytes: bytes.length - at };
}

function decodeLoss(view: DataView, at: number): LossMark {
  return {
    from: view.getBigInt64(at + 8, true),
    to: view.getBigInt64(at + 16, true),
    dropped: view.getBigUint64(at + 24, true),
    lost: view.getBigUint64(at + 32, true),
  };
}

function decodeSum(view: DataView, at: number): SegmentSum {
  return {
    checksum: view.getUint32(at + 4, true),
    watermark: view.getBigInt64(at + 8, true),
    offset: Number(view.getBigUint64(at + 24, true)),
    records: Number(view.getBigUint64(at + 32, true)),
    least: view.getBigInt64(at + 64, true),
    greatest: view.getBigInt64(at + 72, true),
  };
}

function decode(view: DataView, at: number, kind: SegmentMark['kind']): SegmentMark {
  const records = Number(view.getBigUint64(at + 32, true));
  const reason = sealReasons[view.getUint16(at + 80, true) - 1];
  const rate_unknown_us = view.getUint16(at + 82, true);
  const rate_since = view.getBigInt64(at + 84, true);
  return {
    kind,
    rate: view.getUint32(at + 4, true),
    ...(rate_since === 0n ? {} : { rate_since }),
    ...(rate_unknown_us === 0 ? {} : { rate_unknown_us }),
    watermark: view.getBigInt64(at + 8, true),
    monotonic: view.getBigInt64(at + 16, true),
    offset: Number(view.getBigUint64(at + 24, true)),
    records,
    accepted: view.getBigUint64(at + 40, true),
    dropped: view.getBigUint64(at + 48, true),
    lost: view.getBigUint64(at + 56, true),
    ...(records === 0 ? {} : { least: view.getBigInt64(at + 64, true), greatest: view.getBigInt64(at + 72, true) }),
    ...(reason === undefined ? {} : { reason }),
  };
}
