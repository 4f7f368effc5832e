import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { runs } from '../test_packets.ts';
import { BlockBits } from './block_bits.ts';
import { addPostings, encodePostings, postingsMaxBytes } from './posting_list.ts';

function listed(bits: BlockBits): number[] {
  return Array.from({ length: bits.blocks }, (_, block) => block).filter((block) => bits.has(block));
}

/** As the writer has it: numbers at the end of their memory, bytes somewhere in theirs, which has had others. */
function encoded(numbers: Int32Array, blocks: number): Uint8Array {
  const memory = new Int32Array(numbers.length + 3).fill(7);
  memory.set(numbers, 3);
  const bytes = new Uint8Array(postingsMaxBytes(blocks) + 10).fill(0xff);
  const end = encodePostings(memory, 3, blocks, bytes, 5);
  expect(
    bytes
      .subarray(end > 5 + postingsMaxBytes(blocks) ? 0 : 5 + postingsMaxBytes(blocks))
      .every((byte) => byte === 0xff),
  ).toBe(true);
  return bytes.slice(5, end);
}

const set = fc
  .record({ blocks: fc.integer({ min: 1, max: 3000 }), share: fc.constantFrom(1, 2, 7, 100, 2000) })
  .chain(({ blocks, share }) =>
    fc.record({
      blocks: fc.constant(blocks),
      numbers: fc
        .uniqueArray(fc.nat(blocks - 1), { maxLength: Math.ceil(blocks / share) })
        .map((all) => Int32Array.from(all).sort()),
    }),
  );

test('the bytes of the format document', () => {
  expect([...encoded(Int32Array.of(0, 1, 300), 4000)]).toEqual([1, 0, 0, 0xaa, 0x02]);
  expect([...encoded(Int32Array.of(0, 1, 2, 3, 9), 10)]).toEqual([2, 0x0f, 0x02]);
});

test('every list comes back, in at most a bit for each block', () => {
  fc.assert(
    fc.property(set, ({ blocks, numbers }) => {
      const list = encoded(numbers, blocks);
      const bits = new BlockBits(blocks);
      addPostings(list, bits);
      expect(listed(bits)).toEqual([...numbers]);
      expect(list.length).toBeLessThanOrEqual(1 + Math.ceil(blocks / 8));
    }),
    runs(300),
  );
});

test('bytes of any kind are a list, or refused', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 40 }),
      fc.integer({ min: 1, max: 300 }),
      fc.constantFrom(1, 2, 3),
      (rest, blocks, kind) => {
        const bits = new BlockBits(blocks);
        try {
          addPostings(Uint8Array.of(kind, ...rest), bits);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
        expect(bits.count).toBe(listed(bits).length);
      },
    ),
    runs(1000),
  );
});

test('a set of blocks is what a plain set is', () => {
  fc.assert(
    fc.property(set, fc.func(fc.boolean()), fc.nat(3001), ({ blocks, numbers }, other, limit) => {
      const [mine, theirs] = [new BlockBits(blocks), new BlockBits(blocks)];
      for (const block of numbers) mine.add(block);
      const others = Array.from({ length: blocks }, (_, block) => block).filter((block) => other(block));
      for (const block of others) theirs.add(block);
      const own = new Set(numbers);
      expect(mine.count).toBe(own.size);
      expect(mine.before(limit)).toBe(Math.max(-1, ...[...own].filter((block) => block < limit)));
      const [both, either, all] = [new BlockBits(blocks), new BlockBits(blocks), new BlockBits(blocks)];
      both.or(mine);
      both.and(theirs);
      expect(listed(both)).toEqual(others.filter((block) => own.has(block)));
      either.or(mine);
      either.or(theirs);
      expect(new Set(listed(either))).toEqual(new Set([...own, ...others]));
      all.fill();
      expect(all.count).toBe(blocks);
      expect(() => all.add(blocks)).toThrow(RangeError);
    }),
    runs(200),
  );
});
