import { behindExtensionFormula } from './behind_extension.ts';
import type { FilterTree } from './filter_tree.ts';
import { parseFilter } from './filter_tree.ts';
import { allOf, any, anyOf, type IndexFormula, termFormula } from './formula.ts';
import { idFormula } from './id_formula.ts';
import type { JoinedFilter } from './join_filter.ts';
import { protocolWords } from './protocol_words.ts';
import { relationFormula } from './relation_formula.ts';

export type { IndexFormula, IndexTerm } from './formula.ts';

/** VLAN tags that the peek looks through. */
const tags_max = 2;

/**
 * What an index of addresses, ports and protocols can say of a filter (of the texts of `joinFilter`, or others of libpcap's
 * language): no packet that libpcap's program matches fails the formula, as far as the packet is of a link type that the
 * peek knows. Plain terms come out as they are, their directions left out; what is negated, arithmetic or about anything else
 * than IP is `any`, and so is a text that cannot be understood. Grows no faster than the texts, and never throws.
 */
export function indexFormula(texts: Pick<JoinedFilter, 'any_tags_text' | 'own_tags_text'>): IndexFormula {
  // The first text is compiled behind no tag, one and two: there is no saying how deep a `vlan` inside of it reaches.
  const read = [new Reading(0).formula(texts.any_tags_text), new Reading(tags_max).formula(texts.own_tags_text)];
  return allOf(read);
}

/** What was read of a part of a text. */
interface Read {
  readonly formula: IndexFormula;
  /** How many tags a packet surely has that matches this part and all that it is joined with by `and`. */
  readonly tags: number;
}

/**
 * Reads one text from the left to the right. `vlan` moves the place at which all is looked for that follows in the text, even
 * where the packet has no tag: in `vlan and tcp or udp`, UDP may be found in the middle of a header. So a term holds only where
 * the packet surely has the tags that the place is behind.
 */
class Reading {
  readonly #tags_max: number;
  /** Tags that the present place is behind; infinitely many where it is not known. */
  #shift = 0;

  constructor(tags_max: number) {
    this.#tags_max = tags_max;
  }

  formula(text: string): IndexFormula {
    return text.trim() === '' ? any : this.#read(parseFilter(text), 0).formula;
  }

  /** `tags`: how many the packet surely has where this part comes to matter. */
  #read(tree: FilterTree, tags: number): Read {
    switch (tree.kind) {
      case 'chain':
        return this.#readChain(tree, tags);
      case 'not':
        // What is inside shifts all the same.
        this.#read(tree.of, tags);
        return { formula: any, tags };
      case 'vlan':
        this.#shift += 1;
        return { formula: any, tags: tags + 1 };
      case 'other':
        if (tree.shifts) this.#shift = Number.POSITIVE_INFINITY;
        return { formula: any, tags };
      case 'id':
        return { formula: this.#here(tags, () => idFormula(tree.qualifiers, tree.tokens)), tags };
      case 'protocol':
        return { formula: this.#here(tags, () => wordFormula(tree.word)), tags };
      case 'relation': {
        const { left, operator, right } = tree;
        return { formula: this.#here(tags, () => relationFormula(left, operator, right)), tags };
      }
      default:
        return tree satisfies never;
    }
  }

  #readChain({ first, links }: Extract<FilterTree, { readonly kind: 'chain' }>, tags: number): Read {
    const every = links.every(({ operator, tree }) => operator === 'and' && tree.kind !== 'vlan');
    const trees = [first, ...links.map(({ tree }) => tree)];
    const whole = every ? this.#here(tags, () => behindExtensionFormula(trees)) : any;
    let read = this.#read(first, tags);
    let joined = [read.formula];
    let joined_by = links[0]?.operator;
    for (const { operator, tree } of links) {
      if (operator !== joined_by) {
        joined = [joined_by === 'and' ? allOf(joined) : anyOf(joined)];
        joined_by = operator;
      }
      const next = this.#read(tree, operator === 'and' ? read.tags : tags);
      read = operator === 'and' ? next : { ...next, tags };
      joined.push(next.formula);
    }
    return { formula: joined_by === 'or' ? anyOf(joined) : allOf([...joined, whole]), tags: read.tags };
  }

  #here(tags: number, formula: () => IndexFormula): IndexFormula {
    return tags === this.#shift && this.#shift <= this.#tags_max ? formula() : any;
  }
}

function wordFormula(word: string): IndexFormula {
  const protocol = protocolWords.get(word);
  return protocol === undefined ? any : termFormula({ kind: 'protocol', protocol });
}
