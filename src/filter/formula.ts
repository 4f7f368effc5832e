import type { Network } from './address.ts';

/** One thing that an index of packets can look up. A packet has it or not by what its headers say (`pcap/peek.ts`). */
export type IndexTerm =
  /**
   * The source or the destination address (of ARP and RARP, the sender's or the target's) lies in the network. An IPv6
   * packet of which not both addresses were captured whole has this term for every IPv6 network: libpcap compares an address
   * word by word, only as many words as the prefix needs, and finds a network in a part of an address.
   */
  | { readonly kind: 'network'; readonly network: Network }
  /** The source or the destination port of TCP, UDP or SCTP is one of these, both ends included. */
  | { readonly kind: 'port'; readonly from: number; readonly to: number }
  /**
   * IPv4's protocol, IPv6's first next header, what a fragment header right behind IPv6's own names as the next, or the protocol behind all
   * extension headers.
   */
  | { readonly kind: 'protocol'; readonly protocol: number };

/** What an index can say of a filter: a condition that every packet fulfils that the filter matches, and others may too. */
export type IndexFormula =
  /** Nothing is known: every packet. */
  | { readonly kind: 'any' }
  /** No packet. */
  | { readonly kind: 'none' }
  | { readonly kind: 'term'; readonly term: IndexTerm }
  /** Two or more of other kinds than this one, `any` and `none`, no term twice, nor in a part of the other kind beside it. */
  | { readonly kind: 'and' | 'or'; readonly of: readonly IndexFormula[] };

export const any: IndexFormula = { kind: 'any' };
export const none: IndexFormula = { kind: 'none' };

/** The formula that asks for one term. */
export function termFormula(term: IndexTerm): IndexFormula {
  return { kind: 'term', term };
}

/** What all of the formulas say together, in the simplest form: of none of them, `any`. */
export function allOf(formulas: readonly IndexFormula[]): IndexFormula {
  return join('and', formulas, any, none);
}

/** What at least one of the formulas says, in the simplest form: of none of them, `none`. */
export function anyOf(formulas: readonly IndexFormula[]): IndexFormula {
  return join('or', formulas, none, any);
}

/** Joins with `and` or `or`: `neutral` changes nothing there, `decisive` is all that is left where it is among them. */
function join(
  kind: 'and' | 'or',
  formulas: readonly IndexFormula[],
  neutral: IndexFormula,
  decisive: IndexFormula,
): IndexFormula {
  const of: IndexFormula[] = [];
  const seen = new Set<string>();
  for (const part of formulas.flatMap((one) => (one.kind === kind ? one.of : [one]))) {
    if (part.kind === decisive.kind) return decisive;
    if (part.kind === neutral.kind) continue;
    const key = part.kind === 'term' ? termKey(part.term) : undefined;
    if (key !== undefined && seen.has(key)) continue;
    if (key !== undefined) seen.add(key);
    of.push(part);
  }
  // One that asks for a term by itself makes those say nothing new that ask for it among others: `a or (a and b)` is `a`.
  const telling = of.filter((part) => !hasTerm(part, seen));
  const [first, second] = telling;
  if (first === undefined) return neutral;
  return second === undefined ? first : { kind, of: telling };
}

/** Does a part that joins others have one of these terms itself? */
function hasTerm(part: IndexFormula, keys: ReadonlySet<string>): boolean {
  if (part.kind !== 'and' && part.kind !== 'or') return false;
  return part.of.some((one) => one.kind === 'term' && keys.has(termKey(one.term)));
}

function termKey(term: IndexTerm): string {
  if (term.kind === 'network') return `${term.network.bytes.join('.')}/${term.network.prefix_bits}`;
  return term.kind === 'port' ? `${term.from}-${term.to}` : String(term.protocol);
}
