import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { largestFileBytes, pieceSize } from './piece_size.ts';

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

test('the largest file is the least of what the limits and the space let through', () => {
  expect(largestFileBytes({ space_bytes: 10_000_000_000n })).toBe(10_000_000_000n);
  expect(largestFileBytes({ packet_limit: 10, space_bytes: 10_000_000_000n })).toBe(
    10n * (262_144n + 64n) + 1_048_576n,
  );
  expect(largestFileBytes({ byte_limit: 1000, space_bytes: 10_000_000_000n })).toBe(65_000n + 1_048_576n);
  expect(largestFileBytes({ byte_limit: 100_000, packet_limit: 1, space_bytes: 10_000_000_000n })).toBe(
    262_208n + 1_048_576n,
  );
  expect(largestFileBytes({ byte_limit: 1_000_000_000, packet_limit: 10_000, space_bytes: 5n })).toBe(5n);
});
