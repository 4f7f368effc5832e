import type { Expression } from './expression.ts';
import { expressionsOf, type Node, successorsOf } from './graph.ts';

/** What has been evaluated on every way to a place, as far as it might have rejected the packet. */
export interface Evaluated {
  /** The packet has so many bytes. */
  readonly bytes: number;
  /** It has so many from the value of the expression on. */
  readonly bytes_from: ReadonlyMap<Expression, number>;
  /** Divisions by what may be zero. */
  readonly divisions: ReadonlySet<Expression>;
}

const nothing: Evaluated = { bytes: 0, bytes_from: new Map(), divisions: new Set() };

/** Can evaluating these no more reject the packet? */
export function isSafe(expressions: readonly Expression[], known: Evaluated): boolean {
  return expressions.every((one) => one.traps.every((trap) => isKnown(trap, known)));
}

function isKnown(trap: Expression, { bytes, bytes_from, divisions }: Evaluated): boolean {
  if (trap.kind === 'load') return trap.k + trap.size <= bytes;
  if (trap.kind === 'indirect') return trap.k + trap.size <= (bytes_from.get(trap.x) ?? 0);
  return divisions.has(trap);
}

/** What is known behind a node. */
export function evaluatedBehind(node: Node, before: Evaluated): Evaluated {
  let known = before;
  for (const one of expressionsOf(node)) {
    for (const trap of one.traps) if (!isKnown(trap, known)) known = withTrap(known, trap);
  }
  return known;
}

function withTrap({ bytes, bytes_from, divisions }: Evaluated, trap: Expression): Evaluated {
  if (trap.kind === 'load') return { bytes: trap.k + trap.size, bytes_from, divisions };
  if (trap.kind === 'indirect') {
    const end = trap.k + trap.size;
    return { bytes: Math.max(bytes, end), bytes_from: new Map(bytes_from).set(trap.x, end), divisions };
  }
  return { bytes, bytes_from, divisions: new Set(divisions).add(trap) };
}

/** What is known before each node of a graph, given in order. */
export function evaluatedBefore(order: readonly Node[]): ReadonlyMap<Node, Evaluated> {
  const before = new Map<Node, Evaluated>();
  for (const node of order) {
    const known = before.get(node) ?? nothing;
    before.set(node, known);
    const behind = evaluatedBehind(node, known);
    for (const next of successorsOf(node)) {
      const other = before.get(next);
      before.set(next, other === undefined ? behind : inBoth(other, behind));
    }
  }
  return before;
}

function inBoth(one: Evaluated, other: Evaluated): Evaluated {
  if (one === other) return one;
  const bytes_from = new Map<Expression, number>();
  for (const [x, end] of one.bytes_from) {
    const least = Math.min(end, other.bytes_from.get(x) ?? 0);
    if (least > 0) bytes_from.set(x, least);
  }
  return {
    bytes: Math.min(one.bytes, other.bytes),
    bytes_from,
    divisions: new Set([...one.divisions].filter((division) => other.divisions.has(division))),
  };
}
