import type { Condition } from './condition.ts';
import { type Evaluated, evaluatedBefore, evaluatedBehind, isSafe } from './evaluated.ts';
import type { Expression } from './expression.ts';
import { type GraphPool, inOrder, type Node, rebuilt, successorsOf, type TestNode } from './graph.ts';

/** Tests that all lead to one place by one of their answers, and from one to the next by the other. */
interface Chain {
  readonly members: readonly Member[];
  readonly exit: Node;
  readonly end: Node;
}

interface Member {
  readonly node: TestNode;
  readonly exits_by: boolean;
}

/**
 * Puts tests of the same value beside each other, so that it is loaded once: of tests that follow on each other alone and lead to the same
 * place, it does not matter which comes first, as long as none of them could reject the packet.
 */
export function orderTests(root: Node, pool: GraphPool): Node {
  const order = inOrder(root);
  const evaluated = evaluatedBefore(order);
  const edges = new Map<Node, number>();
  for (const node of order) for (const next of successorsOf(node)) edges.set(next, (edges.get(next) ?? 0) + 1);
  const inside = new Set<Node>();
  const chains = new Map<Node, Chain>();
  for (const node of order) {
    if (node.kind !== 'test' || inside.has(node)) continue;
    const chain = chainFrom(node, edges);
    if (chain === undefined) continue;
    chains.set(node, chain);
    for (const member of chain.members) inside.add(member.node);
  }
  return rebuilt(order, (node, now) => {
    const chain = chains.get(node);
    return chain === undefined ? pool.relinked(node, now) : rebuiltChain(chain, evaluated, pool, now);
  });
}

function chainFrom(first: TestNode, edges: ReadonlyMap<Node, number>): Chain | undefined {
  for (const exits_by of [true, false]) {
    const exit = exits_by ? first.yes : first.no;
    const members: Member[] = [{ node: first, exits_by }];
    let next = exits_by ? first.no : first.yes;
    while (next.kind === 'test' && edges.get(next) === 1 && (next.yes === exit || next.no === exit)) {
      const by_yes: boolean = next.yes === exit;
      members.push({ node: next, exits_by: by_yes });
      next = by_yes ? next.no : next.yes;
    }
    if (members.length > 1) return { members, exit, end: next };
  }
  return undefined;
}

function rebuiltChain(
  { members, exit, end }: Chain,
  evaluated: ReadonlyMap<Node, Evaluated>,
  pool: GraphPool,
  now: (old: Node) => Node,
): Node {
  const ordered: Member[] = [];
  let run: Member[] = [];
  let known: Evaluated | undefined;
  for (const member of members) {
    const { a, b } = member.node.condition;
    if (known === undefined || !isSafe([a, b], known)) {
      // It may reject the packet: all before it stays before it, and it before all others.
      ordered.push(...grouped(run));
      run = [];
      const before = evaluated.get(member.node);
      known = before === undefined ? undefined : evaluatedBehind(member.node, before);
    }
    run.push(member);
  }
  ordered.push(...grouped(run));
  let node = now(end);
  for (const { node: test, exits_by } of ordered.toReversed()) {
    node = exits_by ? pool.test(test.condition, now(exit), node) : pool.test(test.condition, node, now(exit));
  }
  return node;
}

/** By the value that they are about, then by what of it they compare; the first stays first. */
function grouped(run: readonly Member[]): readonly Member[] {
  const by_value = new Map<Expression, Map<Expression, Member[]>>();
  for (const member of run) {
    const { whole, part } = comparedBy(member.node.condition);
    const by_part = by_value.get(whole) ?? new Map<Expression, Member[]>();
    by_value.set(whole, by_part);
    const alike = by_part.get(part);
    if (alike === undefined) by_part.set(part, [member]);
    else alike.push(member);
  }
  return [...by_value.values()].flatMap((by_part) => [...by_part.values()].flat());
}

function comparedBy({ op, a, b }: Condition): { readonly whole: Expression; readonly part: Expression } {
  if (a.kind !== 'binary' || a.op !== 'and' || a.b.kind !== 'constant') return { whole: a, part: a };
  return { whole: a.a, part: op === 'eq' && b.kind === 'constant' && b.k === 0 ? a.a : a };
}
