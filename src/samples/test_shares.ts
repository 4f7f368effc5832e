import { expect } from 'vitest';
import type { NewestShare } from './newest_records.ts';
import { recordsOf, type TestPacket } from './test_packets.ts';

/** Expects of each stream exactly these packets, in pieces that are not too long, none of them empty. */
export function expectShares(
  pieces: readonly NewestShare[],
  kept: readonly { readonly packet: TestPacket; readonly stream: number }[],
  piece_max_bytes: number,
): void {
  const streams = new Set([...pieces, ...kept].map(({ stream }) => stream));
  for (const stream of streams) {
    const mine = pieces.filter((piece) => piece.stream === stream);
    const wanted = kept.filter((one) => one.stream === stream).map(({ packet }) => packet);
    expect(Buffer.concat(mine.map(({ records }) => records))).toEqual(Buffer.from(recordsOf(wanted)));
    expect(mine.reduce((sum, { count }) => sum + count, 0)).toBe(wanted.length);
  }
  for (const { records, count } of pieces) {
    expect(count === 1 || records.length <= piece_max_bytes).toBe(true);
    expect(count).toBeGreaterThan(0);
  }
}
