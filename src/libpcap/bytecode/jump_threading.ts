import { type Evaluated, evaluatedBefore, evaluatedBehind, isSafe } from './evaluated.ts';
import type { Expression } from './expression.ts';
import { Facts, type Undo } from './facts.ts';
import { expressionsOf, type GraphPool, inOrder, type Node, rebuilt, successorsOf, type TestNode } from './graph.ts';

/**
 * Leads every edge past the tests whose answer is known on it: what dominates a place (is on every way to it) has been asked and answered there. A
 * test is passed by only where evaluating it could not reject the packet any more; else it stays as an evaluation.
 */
export function threadJumps(root: Node, pool: GraphPool): Node {
  return new Threading(root, pool).threaded();
}

interface Visit {
  readonly node: Node;
  readonly undo: Undo | undefined;
  next_child: number;
}

class Threading {
  readonly #pool: GraphPool;
  readonly #order: readonly Node[];
  readonly #evaluated: ReadonlyMap<Node, Evaluated>;
  readonly #dominated: ReadonlyMap<Node, readonly Node[]>;
  /** The one edge into a node that has but one, if it is a test's. */
  readonly #only_edge: ReadonlyMap<Node, readonly [TestNode, boolean]>;
  /** What is the same on all edges into a node: that a value was found to be equal to one of a few. */
  readonly #one_of: ReadonlyMap<Node, OneOf>;
  readonly #facts = new Facts();
  /** Where edges lead now: of a test, yes comes first. */
  readonly #leads_to = new Map<Node, readonly [Node, Node]>();
  readonly #decided = new Map<Node, boolean>();
  /** What edges still lead to. */
  readonly #reached = new Set<Node>();

  constructor(root: Node, pool: GraphPool) {
    this.#pool = pool;
    this.#order = inOrder(root);
    this.#evaluated = evaluatedBefore(this.#order);
    const { dominated, only_edge } = dominators(this.#order);
    this.#dominated = dominated;
    this.#only_edge = only_edge;
    this.#one_of = oneOfFew(this.#order);
  }

  threaded(): Node {
    this.#visitAll();
    const order = this.#order.filter((node) => this.#reached.has(node));
    return rebuilt(order, (node, now) => this.#changed(node, now));
  }

  /** Goes through the tree of dominators, each fact known below where it was learned; no node comes before one that leads to it. */
  #visitAll(): void {
    const [root] = this.#order;
    if (root === undefined) return;
    this.#reached.add(root);
    const stack: Visit[] = [this.#enter(root)];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const child = this.#dominated.get(top.node)?.[top.next_child++];
      if (child !== undefined) {
        stack.push(this.#enter(child));
        continue;
      }
      top.undo?.();
      stack.pop();
    }
  }

  #enter(node: Node): Visit {
    const edge = this.#only_edge.get(node);
    const values = this.#one_of.get(node);
    let undo: Undo | undefined;
    if (edge !== undefined) undo = this.#facts.learn(edge[0].condition, edge[1]);
    else if (values !== undefined) undo = this.#facts.learnOneOf(values.of, values.values);
    if (this.#reached.has(node)) this.#thread(node);
    return { node, undo, next_child: 0 };
  }

  #thread(node: Node): void {
    const before = this.#evaluated.get(node);
    if (before === undefined || node.kind === 'return') return;
    const behind = evaluatedBehind(node, before);
    if (node.kind !== 'test') {
      const next = this.#follow(node.next, behind);
      this.#leads_to.set(node, [next, next]);
      return;
    }
    const answer = this.#facts.answer(node.condition);
    if (answer !== undefined) {
      this.#decided.set(node, answer);
      const next = this.#follow(answer ? node.yes : node.no, behind);
      this.#leads_to.set(node, [next, next]);
      return;
    }
    const [yes, no] = [true, false].map((one) => {
      const undo = this.#facts.learn(node.condition, one);
      const next = this.#follow(one ? node.yes : node.no, behind);
      undo();
      return next;
    });
    this.#leads_to.set(node, [yes ?? node.yes, no ?? node.no]);
  }

  /** Where a way leads on which this is known. */
  #follow(start: Node, known: Evaluated): Node {
    let node = start;
    for (let next: Node | undefined = start; next !== undefined; next = this.#passed(node, known)) node = next;
    this.#reached.add(node);
    return node;
  }

  /** What comes behind a node that nothing is to be asked at. */
  #passed(node: Node, known: Evaluated): Node | undefined {
    if (node.kind === 'evaluate') return isSafe([node.expression], known) ? node.next : undefined;
    if (node.kind !== 'test') return undefined;
    const answer = this.#facts.answer(node.condition);
    if (answer === undefined || !isSafe([node.condition.a, node.condition.b], known)) return undefined;
    return answer ? node.yes : node.no;
  }

  #changed(node: Node, now: (old: Node) => Node): Node {
    const [yes, no] = (this.#leads_to.get(node) ?? []).map(now);
    const before = this.#evaluated.get(node);
    if (node.kind === 'return' || yes === undefined || no === undefined || before === undefined) return node;
    const pool = this.#pool;
    const decided = this.#decided.get(node);
    if (node.kind === 'test' && decided === undefined) return pool.test(node.condition, yes, no);
    if (node.kind === 'assign') return pool.assign(node.variable, node.value, yes);
    const expressions = expressionsOf(node);
    const next = decided === false ? no : yes;
    return isSafe(expressions, before) ? next : pool.evaluate(expressions, next);
  }
}

/** For each node those that it is the nearest dominator of, in order, and the edge into nodes that have one only. */
function dominators(order: readonly Node[]): {
  readonly dominated: ReadonlyMap<Node, readonly Node[]>;
  readonly only_edge: ReadonlyMap<Node, readonly [TestNode, boolean]>;
} {
  const places = new Map(order.map((node, place) => [node, place]));
  /** By place, -1 where nothing has led there yet. */
  const nearest = new Int32Array(order.length).fill(-1);
  const edges = new Int32Array(order.length);
  const only_edge = new Map<Node, readonly [TestNode, boolean]>();
  const dominated = new Map<Node, Node[]>();
  for (const [place, node] of order.entries()) {
    const above = order[nearest[place] ?? -1];
    if (above !== undefined) {
      const siblings = dominated.get(above);
      if (siblings === undefined) dominated.set(above, [node]);
      else siblings.push(node);
    }
    for (const [branch, next] of successorsOf(node).entries()) {
      const at = places.get(next) ?? 0;
      const known = nearest[at] ?? -1;
      nearest[at] = known === -1 ? place : common(nearest, known, place);
      edges[at] = (edges[at] ?? 0) + 1;
      if (edges[at] === 1 && node.kind === 'test') only_edge.set(next, [node, branch === 0]);
      else only_edge.delete(next);
    }
  }
  return { dominated, only_edge };
}

interface OneOf {
  readonly of: Expression;
  readonly values: readonly number[];
}

/** So many values of one place are looked at, as of a VLAN tag's type. */
const values_max = 8;

/** Nodes that are led to by nothing but equalities of one value with constants. */
function oneOfFew(order: readonly Node[]): ReadonlyMap<Node, OneOf> {
  const found = new Map<Node, OneOf | undefined>();
  for (const node of order) {
    for (const [branch, next] of successorsOf(node).entries()) {
      const value = branch === 0 ? equalTo(node) : undefined;
      const known = found.get(next);
      if (value === undefined || (found.has(next) && known?.of !== value.of)) found.set(next, undefined);
      else found.set(next, { of: value.of, values: [...(known?.values ?? []), ...value.values] });
    }
  }
  const few = new Map<Node, OneOf>();
  for (const [node, value] of found) if (value !== undefined && value.values.length <= values_max) few.set(node, value);
  return few;
}

/** What is equal where a test is answered by yes. */
function equalTo(node: Node): OneOf | undefined {
  if (node.kind !== 'test' || node.condition.op !== 'eq' || node.condition.b.kind !== 'constant') return undefined;
  return { of: node.condition.a, values: [node.condition.b.k] };
}

/** The place that dominates two others: places only grow from dominator to dominated. */
function common(nearest: Int32Array, one: number, other: number): number {
  let [a, b] = [one, other];
  while (a !== b) {
    if (a > b) a = nearest[a] ?? 0;
    else b = nearest[b] ?? 0;
  }
  return a;
}
