import { limits } from './limits.ts';

const MIB = 1_048_576;
const least_bytes = 8 * MIB;
/** S3 takes at most 10,000 pieces; the rest is margin. */
const pieces_planned = 9000n;
/** S3 takes pieces of at most 5 GiB. */
const most_bytes = 5 * 1024 * MIB;
/** What a file format adds to a packet at most: header, padding, and the Ethernet header that a packet without one gets. */
const record_bytes = 64;
/** A packet of one byte takes 17 in the spool and 36 in a pcapng file; no other grows as much, in no format. */
const growth = { from: 17n, to: 36n };

/**
 * The one size of every piece of an upload but the last, in bytes, for a file that can grow to `largest_file_bytes`: at
 * least 8 MiB, and so much that 9,000 pieces are enough. R2 wants equal sizes, S3 at most 10,000 pieces of 5 GiB.
 */
export function pieceSize(largest_file_bytes: bigint): number {
  const needed = (largest_file_bytes + pieces_planned - 1n) / pieces_planned;
  return needed > most_bytes ? most_bytes : Math.max(least_bytes, Number(needed));
}

/**
 * The greatest size that a capture's file can have, in bytes: what its limits let through (captured packet bytes, in the
 * worst case as packets of one byte), and never more than what the disk space that there is for it can become.
 */
export function largestFileBytes(bounds: {
  readonly byte_limit?: number | undefined;
  readonly packet_limit?: number | undefined;
  /** The spool's budget; for a file made of several parts, the sum of them. */
  readonly space_bytes: bigint;
}): bigint {
  const { byte_limit, packet_limit, space_bytes } = bounds;
  const candidates = [convertedFileBytes(space_bytes)];
  if (byte_limit !== undefined) candidates.push(BigInt(byte_limit) * BigInt(record_bytes + 1) + BigInt(MIB));
  if (packet_limit !== undefined) {
    candidates.push(BigInt(packet_limit) * BigInt(limits.full_snaplen_bytes + record_bytes) + BigInt(MIB));
  }
  return candidates.reduce((least, one) => (one < least ? one : least));
}

/** The greatest size that a file can have, in bytes, that is made of parts with so many bytes in all, in whatever format. */
export function convertedFileBytes(parts_bytes: bigint): bigint {
  return (parts_bytes * growth.to + growth.from - 1n) / growth.from + BigInt(MIB);
}
