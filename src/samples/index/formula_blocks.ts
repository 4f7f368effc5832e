import type { IndexFormula, IndexTerm } from '../../filter/index_formula.ts';
import { BlockBits } from './block_bits.ts';
import type { KeyLayer } from './index_layout.ts';

/** Something that knows in which blocks keys occur. */
export interface KeySource {
  /** Number of blocks. */
  readonly blocks: number;
  /** Takes in every block that may have a packet with a key of this term; more are allowed. */
  addTerm(term: IndexTerm, layer: KeyLayer, into: BlockBits): void;
}

/** To read so few blocks costs less than to look further terms up; of a protocol, which nearly all blocks have, it is more. */
const few_blocks = { rare: 4, common: 32 };
const common_breadth = 100;

/** The blocks that may have a packet that satisfies the formula; undefined stands for all of them. */
export function formulaBlocks(formula: IndexFormula, layer: KeyLayer, source: KeySource): BlockBits | undefined {
  switch (formula.kind) {
    case 'any':
      return undefined;
    case 'none':
      return new BlockBits(source.blocks);
    case 'term': {
      const found = new BlockBits(source.blocks);
      source.addTerm(formula.term, layer, found);
      return found;
    }
    case 'or':
      return anyOf(formula.of, layer, source);
    case 'and':
      return allOf(formula.of, layer, source);
  }
}

function anyOf(formulas: readonly IndexFormula[], layer: KeyLayer, source: KeySource): BlockBits | undefined {
  const found = new BlockBits(source.blocks);
  for (const one of formulas) {
    if (one.kind === 'term') source.addTerm(one.term, layer, found);
    else {
      const more = formulaBlocks(one, layer, source);
      if (more === undefined) return undefined;
      found.or(more);
    }
  }
  return found;
}

function allOf(formulas: readonly IndexFormula[], layer: KeyLayer, source: KeySource): BlockBits | undefined {
  let found: BlockBits | undefined;
  // What is likely to be rare comes first.
  for (const one of formulas.toSorted((a, b) => breadth(a) - breadth(b))) {
    const few = breadth(one) < common_breadth ? few_blocks.rare : few_blocks.common;
    if (found !== undefined && found.count <= few) return found;
    const more = formulaBlocks(one, layer, source);
    if (more === undefined) continue;
    if (found === undefined) found = more;
    else found.and(more);
  }
  return found;
}

/** How much of the traffic a formula may be about, roughly: only for the order in which to ask. */
function breadth(formula: IndexFormula): number {
  if (formula.kind === 'none') return 0;
  if (formula.kind === 'any') return 200;
  if (formula.kind === 'term') {
    const { term } = formula;
    if (term.kind === 'network') return (term.network.bytes.length * 8 - term.network.prefix_bits) / 4;
    if (term.kind === 'port') return 40 + Math.log2(term.to - term.from + 1);
    return 100;
  }
  const all = formula.of.map(breadth);
  return formula.kind === 'and' ? Math.min(200, ...all) : Math.max(0, ...all) + 1;
}
