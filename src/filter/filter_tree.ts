import { type Token, tokenize } from './expression_tokens.ts';

/** What is said before an identifier, and holds for bare identifiers after it: `tcp port`, `src net`, `proto`. */
export interface Qualifiers {
  /** The word for a protocol; the empty text where there is none. */
  readonly protocol: string;
  /** Whether source or destination is meant is left out. */
  readonly type: 'host' | 'net' | 'port' | 'portrange' | 'proto';
}

/** The text of a filter in its parts, as far as they matter to an index. */
export type FilterTree =
  /** `and` and `or` bind equally and to the left: every link is joined with all that stands before it. */
  | { readonly kind: 'chain'; readonly first: FilterTree; readonly links: readonly FilterLink[] }
  | { readonly kind: 'not'; readonly of: FilterTree }
  /** An address, network, port or number with the qualifiers that hold for it. */
  | { readonly kind: 'id'; readonly qualifiers: Qualifiers; readonly tokens: readonly Token[] }
  /** A protocol's word alone: `tcp`. */
  | { readonly kind: 'protocol'; readonly word: string }
  | {
      readonly kind: 'relation';
      readonly left: readonly Token[];
      readonly operator: string;
      readonly right: readonly Token[];
    }
  /** `vlan`, with a number or without: what follows it in the text, in parentheses or not, is looked for behind one more tag. */
  | { readonly kind: 'vlan' }
  /** Anything else. `shifts`: it may move the place at which all that follows it in the text is looked for. */
  | { readonly kind: 'other'; readonly shifts: boolean };

/** An operator of a chain and its right side. */
export interface FilterLink {
  readonly operator: 'and' | 'or';
  readonly tree: FilterTree;
}

/** Deepest nesting that is looked into; libpcap itself takes some thousands. */
const depth_max = 100;

const shifting: readonly string[] = ['vlan', 'mpls', 'pppoes', 'geneve'];
const directions: readonly (string | undefined)[] = ['src', 'dst'];
const types: readonly Qualifiers['type'][] = ['host', 'net', 'port', 'portrange', 'proto'];
const relations: readonly string[] = ['=', '==', '!=', '>', '<', '>=', '<='];

/**
 * Takes the text of a filter apart. Of a text that compiles, the tree says what libpcap understands, where it says anything:
 * `other` stands for what is of no use to an index, and for what is not of the language. Never throws, whatever the text.
 * Source: pcap-filter(7) and the grammar of libpcap 1.10.
 */
export function parseFilter(text: string): FilterTree {
  const tokens = tokenize(text);
  const closing = closingBrackets(tokens);
  if (closing === undefined) return { kind: 'other', shifts: true };
  return new Parser(tokens, closing).chain({ from: 0, to: tokens.length }, undefined, 0);
}

/** Some of the tokens, from one up to another that is not part of it. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** A part of a chain, and the qualifiers that hold for a bare identifier after it. */
interface Piece {
  readonly tree: FilterTree;
  readonly qualifiers: Qualifiers | undefined;
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #closing: ReadonlyMap<number, number>;

  constructor(tokens: readonly Token[], closing: ReadonlyMap<number, number>) {
    this.#tokens = tokens;
    this.#closing = closing;
  }

  /** Everything at the top, or all that is inside one pair of parentheses. */
  chain({ from, to }: Span, inherited: Qualifiers | undefined, depth: number): FilterTree {
    const links: FilterLink[] = [];
    let qualifiers = inherited;
    let operator: FilterLink['operator'] = 'and';
    let start = from;
    for (let at = from; at <= to; at = this.#after(at)) {
      const next = at < to ? this.#operator(at) : undefined;
      if (at < to && next === undefined) continue;
      const piece = this.#piece({ from: start, to: at }, qualifiers, depth);
      links.push({ operator, tree: piece.tree });
      qualifiers = piece.qualifiers;
      operator = next ?? 'and';
      start = at + 1;
    }
    const [first = { tree: { kind: 'other', shifts: true } }, ...rest] = links;
    return rest.length === 0 ? first.tree : { kind: 'chain', first: first.tree, links: rest };
  }

  /** What stands between two operators. */
  #piece(span: Span, inherited: Qualifiers | undefined, depth: number): Piece {
    let { from } = span;
    const { to } = span;
    if (depth > depth_max) return this.#other(span);
    while (from < to && this.#isNot(from)) from++;
    if (from > span.from) {
      const { tree, qualifiers } = this.#piece({ from, to }, inherited, depth + 1);
      return { tree: { kind: 'not', of: tree }, qualifiers };
    }
    if (from < to && this.#textAt(from) === '(' && this.#after(from) === to) {
      const tree = this.chain({ from: from + 1, to: to - 1 }, inherited, depth + 1);
      return { tree, qualifiers: inherited };
    }
    const relation = this.#relation(span);
    if (relation !== undefined) return { tree: relation, qualifiers: undefined };
    if (this.#textAt(from) === 'vlan') return { tree: { kind: 'vlan' }, qualifiers: undefined };

    const head = this.#head(span);
    if (head !== undefined) {
      const { tree } = this.#piece({ from: head.end, to }, head.qualifiers, depth + 1);
      return { tree, qualifiers: head.qualifiers };
    }
    const [first, ...more] = this.#tokens.slice(from, to);
    if (first === undefined) return this.#other(span);
    if (isProtocol(first) && more.length === 0) {
      return { tree: { kind: 'protocol', word: first.text }, qualifiers: undefined };
    }
    if (!isId(first) || inherited === undefined) return this.#other(span);
    return { tree: { kind: 'id', qualifiers: inherited, tokens: [first, ...more] }, qualifiers: inherited };
  }

  #other({ from, to }: Span): Piece {
    const shifts = this.#tokens.slice(from, to).some(({ text }) => shifting.includes(text));
    return { tree: { kind: 'other', shifts }, qualifiers: undefined };
  }

  /** Two sides with an operator that compares them, which stands in no brackets. */
  #relation({ from, to }: Span): FilterTree | undefined {
    for (let at = from; at < to; at = this.#after(at)) {
      const operator = this.#textAt(at);
      if (operator === undefined || !relations.includes(operator)) continue;
      const [left, right] = [this.#tokens.slice(from, at), this.#tokens.slice(at + 1, to)];
      return { kind: 'relation', left, operator, right };
    }
    return undefined;
  }

  /** The qualifiers that a piece begins with, where it has any besides a protocol. */
  #head({ from, to }: Span): { readonly qualifiers: Qualifiers; readonly end: number } | undefined {
    const first = this.#tokens[from];
    const protocol = first !== undefined && isProtocol(first) ? first.text : '';
    const start = protocol === '' ? from : from + 1;
    let end = start;
    if (directions.includes(this.#textAt(end))) {
      end += this.#operator(end + 1, true) !== undefined && directions.includes(this.#textAt(end + 2)) ? 3 : 1;
    }
    const type = typeOf(this.#textAt(end));
    if (type !== undefined) end++;
    if (end === start || end >= to) return undefined;
    return { qualifiers: { protocol, type: type ?? 'host' }, end };
  }

  /** Is this an operator of the chain? The one in `src or dst` is not. */
  #operator(at: number, within_direction = false): FilterLink['operator'] | undefined {
    const text = this.#textAt(at);
    const is_direction = directions.includes(this.#textAt(at - 1)) && directions.includes(this.#textAt(at + 1));
    if (is_direction !== within_direction) return undefined;
    if (text === 'and' || text === '&&') return 'and';
    return text === 'or' || text === '||' ? 'or' : undefined;
  }

  #isNot(at: number): boolean {
    const text = this.#textAt(at);
    return text === 'not' || text === '!';
  }

  /** Where it goes on behind a token, or behind the bracket that closes the one here. */
  #after(at: number): number {
    return (this.#closing.get(at) ?? at) + 1;
  }

  #textAt(at: number): string | undefined {
    return this.#tokens[at]?.text;
  }
}

/** The place of the bracket that closes each opening one; undefined where they do not match. */
function closingBrackets(tokens: readonly Token[]): ReadonlyMap<number, number> | undefined {
  const closing = new Map<number, number>();
  const open: number[] = [];
  for (const [at, { text }] of tokens.entries()) {
    if (text === '(' || text === '[') open.push(at);
    if (text !== ')' && text !== ']') continue;
    const opening = open.pop();
    if (opening === undefined || tokens[opening]?.text !== (text === ')' ? '(' : '[')) return undefined;
    closing.set(opening, at);
  }
  return open.length === 0 ? closing : undefined;
}

function isProtocol({ kind }: Token): boolean {
  return kind === 'ip' || kind === 'link' || kind === 'iso' || kind === 'protocol';
}

function isId({ kind }: Token): boolean {
  return kind === 'number' || kind === 'address' || kind === 'name' || kind === 'escaped';
}

function typeOf(word: string | undefined): Qualifiers['type'] | undefined {
  return types.find((type) => type === word);
}
