import type { IndexTerm } from '../../filter/index_formula.ts';
import type { BlockBits } from './block_bits.ts';
import type { KeySource } from './formula_blocks.ts';
import type { IndexBuilder } from './index_builder.ts';
import type { KeyLayer } from './index_layout.ts';
import { compareKeys, keyBounds } from './key_bounds.ts';
import type { KeyTable } from './key_table.ts';

/** The keys of an index that still grows. */
export function builderKeys(builder: IndexBuilder): KeySource {
  const numbers = new Int32Array(builder.blocks.count);
  const addEntry = (table: KeyTable, entry: number, into: BlockBits): void => {
    for (const block of numbers.subarray(table.blocks(entry, numbers))) into.add(block);
  };
  return {
    blocks: builder.blocks.count,
    addTerm: (term: IndexTerm, layer: KeyLayer, into: BlockBits): void => {
      const { kind, least, greatest } = keyBounds(term);
      const table = builder[layer][kind];
      if (compareKeys(least, greatest) === 0) {
        const entry = table.find(least);
        if (entry >= 0) addEntry(table, entry, into);
        return;
      }
      for (let entry = 0; entry < table.count; entry += 1) {
        const key = least.map((_word, index) => table.key(entry, index));
        if (compareKeys(key, least) >= 0 && compareKeys(key, greatest) <= 0) addEntry(table, entry, into);
      }
    },
  };
}
