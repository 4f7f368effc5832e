import type { Expression } from './expression.ts';
import { expressionsOf, type Node, successorsOf } from './graph.ts';

/**
 * A scratch word for each variable of a graph, given in order, from 0 on: two variables share one unless one is assigned while the other is still
 * needed.
 */
export function variableWords(order: readonly Node[]): ReadonlyMap<Expression, number> {
  const assigned = new Set(order.flatMap((node) => (node.kind === 'assign' ? [node.variable] : [])));
  if (assigned.size === 0) return new Map();
  const conflicts = conflictsOf(order);
  const words = new Map<Expression, number>();
  for (const variable of assigned) {
    const taken = new Set([...(conflicts.get(variable) ?? [])].map((other) => words.get(other)));
    let word = 0;
    while (taken.has(word)) word += 1;
    words.set(variable, word);
  }
  return words;
}

/** For each variable those that are needed where it is assigned, and the other way round. */
function conflictsOf(order: readonly Node[]): ReadonlyMap<Expression, ReadonlySet<Expression>> {
  const conflicts = new Map<Expression, Set<Expression>>();
  const add = (one: Expression, other: Expression): void => {
    const known = conflicts.get(one);
    if (known === undefined) conflicts.set(one, new Set([other]));
    else known.add(other);
  };
  const needed = new Map<Node, ReadonlySet<Expression>>();
  for (const node of order.toReversed()) {
    const live = new Set<Expression>();
    for (const next of successorsOf(node)) for (const one of needed.get(next) ?? []) live.add(one);
    if (node.kind === 'assign') {
      live.delete(node.variable);
      for (const other of live) {
        add(node.variable, other);
        add(other, node.variable);
      }
    }
    for (const one of expressionsOf(node)) for (const variable of variablesIn(one)) live.add(variable);
    needed.set(node, live);
  }
  return conflicts;
}

function variablesIn(expression: Expression): ReadonlySet<Expression> {
  const found = new Set<Expression>();
  const seen = new Set<Expression>();
  const waiting = [expression];
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    if (seen.has(one)) continue;
    seen.add(one);
    if (one.kind === 'variable') found.add(one);
    if (one.kind === 'binary') waiting.push(one.a, one.b);
    if (one.kind === 'indirect') waiting.push(one.x);
  }
  return found;
}
