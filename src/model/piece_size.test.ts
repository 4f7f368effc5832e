import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { convertedFileBytes, largestFileBytes, pieceSize } from './piece_size.ts';

const MIB = 1_048_576;

test('8 MiB until 9,000 of them are too few', () => {
  expect(pieceSize(0n)).toBe(8 * MIB);
  expect(pieceSize(BigInt(8 * MIB) * 9000n)).toBe(8 * MIB);
  expect(pieceSize(BigInt(8 * MIB) * 9000n + 1n)).toBe(8 * MIB + 1);
});

test('never more than 9,000 pieces, never a piece that S3 refuses', () => {
  const most = BigInt(5 * 1024 * MIB) * 9000n;
  fc.assert(
    fc.property(fc.bigInt(1n, most), (size) => {
      const piece = BigInt(pieceSize(size));
      expect((size + piece - 1n) / piece).toBeLessThanOrEqual(9000n);
      expect(piece).toBeGreaterThanOrEqual(BigInt(5 * MIB));
      expect(piece).toBeLessThanOrEqual(BigInt(5 * 1024 * MIB));
    }),
  );
  expect(pieceSize(most * 100n)).toBe(5 * 1024 * MIB);
});

/** S3's own bounds. */
const [pieces_max, piece_max_bytes] = [10_000n, BigInt(5 * 1024 * MIB)];
const greatest_file = pieces_max * piece_max_bytes;
const piecesOf = (bytes: bigint, piece_bytes: number): bigint =>
  (bytes + BigInt(piece_bytes) - 1n) / BigInt(piece_bytes);
const anyLimits = fc.record({
  byte_limit: fc.option(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { nil: undefined }),
  packet_limit: fc.option(fc.integer({ min: 1, max: 1_000_000_000 }), { nil: undefined }),
  space_bytes: fc.bigInt(0n, 20_000_000_000_000n),
});

test('never more than 10,000 pieces, whatever the limits, the space and the packets are', () => {
  fc.assert(
    fc.property(anyLimits, fc.integer({ min: 1, max: 262_144 }), (limits, captured) => {
      // As many packets of that size as limits and space let through, in pcapng, and each longer by an Ethernet header in pcap.
      const length = BigInt(captured);
      const packets = [
        limits.space_bytes / (16n + length),
        ...(limits.packet_limit === undefined ? [] : [BigInt(limits.packet_limit)]),
        ...(limits.byte_limit === undefined ? [] : [BigInt(limits.byte_limit) / length]),
      ].reduce((least, one) => (one < least ? one : least));
      const piece = pieceSize(largestFileBytes(limits));
      for (const each of [32n + ((length + 3n) / 4n) * 4n, 16n + 14n + length]) {
        const bytes = packets * each + BigInt(MIB);
        if (bytes <= greatest_file) expect(piecesOf(bytes, piece)).toBeLessThanOrEqual(pieces_max);
      }
    }),
    { numRuns: 2000 },
  );
});

test('what parts of a size can become fits into 10,000 pieces of what is planned for them', () => {
  fc.assert(
    fc.property(fc.bigInt(0n, greatest_file / 3n), (parts_bytes) => {
      const bytes = convertedFileBytes(parts_bytes);
      expect(bytes).toBeGreaterThanOrEqual((parts_bytes * 36n) / 17n);
      expect(piecesOf(bytes, pieceSize(bytes))).toBeLessThanOrEqual(9000n);
    }),
  );
});

test('the largest file is the least of what the limits and the space let through', () => {
  expect(largestFileBytes({ space_bytes: 17_000_000_000n })).toBe(36_001_048_576n);
  expect(largestFileBytes({ space_bytes: 18n })).toBe(39n + 1_048_576n);
  expect(largestFileBytes({ packet_limit: 10, space_bytes: 10_000_000_000n })).toBe(
    10n * (262_144n + 64n) + 1_048_576n,
  );
  expect(largestFileBytes({ byte_limit: 1000, space_bytes: 10_000_000_000n })).toBe(65_000n + 1_048_576n);
  expect(largestFileBytes({ byte_limit: 100_000, packet_limit: 1, space_bytes: 10_000_000_000n })).toBe(
    262_208n + 1_048_576n,
  );
  expect(largestFileBytes({ byte_limit: 1_000_000_000, packet_limit: 10_000, space_bytes: 17n })).toBe(
    36n + 1_048_576n,
  );
});
