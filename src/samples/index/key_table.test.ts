import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { runs } from '../test_packets.ts';
import { KeyTable } from './key_table.ts';

/** Some keys come often, some are each other's neighbours, most are met once. */
const word = fc.oneof(
  fc.integer({ min: 0, max: 5 }),
  fc.integer({ min: 0xffff_fffa, max: 0xffff_ffff }),
  fc.nat(0xffff_ffff),
);

const puts = <Key>(key: fc.Arbitrary<Key>): fc.Arbitrary<readonly { key: Key; step: number }[]> =>
  fc.array(fc.record({ key, step: fc.constantFrom(0, 0, 0, 1, 1, 40) }), { maxLength: 3000 });

function check(table: KeyTable, expected: ReadonlyMap<string, Set<number>>, words: number): void {
  const keys = [...table.sorted()].map((entry) => Array.from({ length: words }, (_, at) => table.key(entry, at)));
  const text = keys.map((key) => key.map((one) => one.toString(16).padStart(8, '0')).join(''));
  expect(text).toEqual([...expected.keys()].sort());
  expect(table.count).toBe(expected.size);
  const numbers = new Int32Array(3000);
  for (const [index, key] of keys.entries()) {
    const blocks = [...(expected.get(text[index] ?? '') ?? [])];
    const found = numbers.subarray(table.blocks(table.find(key), numbers));
    expect([...found]).toEqual(blocks);
    expect(table.onlyBlock(table.find(key))).toBe(blocks.length === 1 ? blocks[0] : -1);
  }
}

test('keys of one word have the blocks that they were put for', () => {
  fc.assert(
    fc.property(puts(word), fc.integer(), (all, seed) => {
      const table = new KeyTable(1, seed);
      const expected = new Map<string, Set<number>>();
      let block = 0;
      for (const { key, step } of all) {
        block += step;
        table.put(key, block);
        const name = key.toString(16).padStart(8, '0');
        expected.set(name, (expected.get(name) ?? new Set()).add(block));
      }
      check(table, expected, 1);
      expect(table.find([0x1234_5678]) >= 0).toBe(expected.has('12345678'));
    }),
    runs(60),
  );
});

test('keys of four words have the blocks that they were put for', () => {
  fc.assert(
    fc.property(puts(fc.tuple(word, word, word, word)), fc.integer(), (all, seed) => {
      const table = new KeyTable(4, seed);
      const expected = new Map<string, Set<number>>();
      let block = 0;
      for (const { key, step } of all) {
        block += step;
        table.putWide(...key, block);
        const name = key.map((one) => one.toString(16).padStart(8, '0')).join('');
        expected.set(name, (expected.get(name) ?? new Set()).add(block));
      }
      check(table, expected, 4);
    }),
    runs(40),
  );
});
