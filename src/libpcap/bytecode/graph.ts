import type { Condition, Question } from './condition.ts';
import { type Expression, ExpressionPool } from './expression.ts';

/**
 * A filter as a graph without cycles. Where it goes on depends on the packet alone, not on registers, so two nodes that say the same are one
 * node. A node evaluates its expressions (which may reject the packet), then goes on.
 */
export type Node = { readonly id: number } & (
  | { readonly kind: 'test'; readonly condition: Condition; readonly yes: Node; readonly no: Node }
  /** Evaluates, for the packets that this rejects. */
  | { readonly kind: 'evaluate'; readonly expression: Expression; readonly next: Node }
  | { readonly kind: 'assign'; readonly variable: Expression; readonly value: Expression; readonly next: Node }
  | { readonly kind: 'return'; readonly value: Expression }
);

export type TestNode = Extract<Node, { readonly kind: 'test' }>;

/** Makes nodes, each only once. */
export class GraphPool {
  readonly expressions = new ExpressionPool();
  readonly #made = new Map<string, Node>();
  readonly reject: Node = this.result(this.expressions.constant(0));
  #variables = 0;

  /** A variable that no other node has, for these values. */
  newVariable(values: readonly Expression[]): Expression {
    return this.expressions.variable(this.#variables++, values);
  }

  result(value: Expression): Node {
    if (value.kind === 'never') return this.reject;
    return this.#made.get(`r${value.id}`) ?? this.#add(`r${value.id}`, { kind: 'return', value });
  }

  /** Goes on by an answer; whatever the answer is, all that is asked about has been evaluated. */
  ask(question: Question, yes: Node, no: Node): Node {
    if (typeof question === 'boolean') return question ? yes : no;
    const { condition, negated } = question;
    return negated ? this.test(condition, no, yes) : this.test(condition, yes, no);
  }

  test(condition: Condition, yes: Node, no: Node): Node {
    const { op, a, b } = condition;
    if (yes === no) return this.evaluate([a, b], yes);
    const key = `${op} ${a.id} ${b.id} ${yes.id} ${no.id}`;
    return this.#made.get(key) ?? this.#add(key, { kind: 'test', condition, yes, no });
  }

  /** Evaluates as much of these as may reject the packet, then goes on. */
  evaluate(expressions: Iterable<Expression>, next: Node): Node {
    const all = new Set<Expression>();
    for (const one of expressions) for (const trap of one.traps) all.add(trap);
    // What is evaluated as a part of another one need not be by itself.
    const parts = new Set<Expression>();
    for (const one of all) for (const part of one.traps) if (part !== one) parts.add(part);
    let end = 0;
    let node = next;
    for (const one of all) {
      if (one.kind === 'never') return this.reject;
      if (one.kind === 'load') end = Math.max(end, one.k + one.size);
      else if (!parts.has(one)) node = this.#evaluate(one, node);
    }
    // Of the loads from fixed places the furthest rejects all that the others do.
    return end === 0 ? node : this.#evaluate(this.expressions.load(1, end - 1), node);
  }

  assign(variable: Expression, value: Expression, next: Node): Node {
    if (value.kind === 'never') return this.reject;
    const key = `a${variable.id} ${value.id} ${next.id}`;
    return this.#made.get(key) ?? this.#add(key, { kind: 'assign', variable, value, next });
  }

  /** The same node, with what its successors have become. */
  relinked(node: Node, now: (old: Node) => Node): Node {
    switch (node.kind) {
      case 'test':
        return this.test(node.condition, now(node.yes), now(node.no));
      case 'evaluate':
        return this.evaluate([node.expression], now(node.next));
      case 'assign':
        return this.assign(node.variable, node.value, now(node.next));
      case 'return':
        return node;
      default:
        return node satisfies never;
    }
  }

  #evaluate(expression: Expression, next: Node): Node {
    // Whether or not it may be loaded, nothing passes; and what comes next evaluates it, too.
    if (next === this.reject || evaluates(next, expression)) return next;
    const key = `e${expression.id} ${next.id}`;
    return this.#made.get(key) ?? this.#add(key, { kind: 'evaluate', expression, next });
  }

  #add(key: string, made: DistributiveOmit<Node, 'id'>): Node {
    const node: Node = { ...made, id: this.#made.size };
    this.#made.set(key, node);
    return node;
  }
}

type DistributiveOmit<T, K extends keyof T> = T extends unknown ? Omit<T, K> : never;

/** Does a node itself reject every packet that evaluating this part of an expression rejects? */
function evaluates(node: Node, part: Expression): boolean {
  for (const one of expressionsOf(node)) {
    for (const trap of one.traps) {
      if (trap === part) return true;
      if (part.kind === 'load' && trap.kind === 'load' && part.k + part.size <= trap.k + trap.size) return true;
    }
  }
  return false;
}

/** Where a node may go on: of a test, yes comes first. */
export function successorsOf(node: Node): readonly Node[] {
  if (node.kind === 'test') return [node.yes, node.no];
  return node.kind === 'return' ? [] : [node.next];
}

/** What a node evaluates. */
export function expressionsOf(node: Node): readonly Expression[] {
  switch (node.kind) {
    case 'test':
      return [node.condition.a, node.condition.b];
    case 'evaluate':
      return [node.expression];
    case 'assign':
    case 'return':
      return [node.value];
    default:
      return node satisfies never;
  }
}

/** All nodes that can be reached, each behind all that lead to it; the `no` of a test right behind it where that may be. */
export function inOrder(root: Node): readonly Node[] {
  const seen = new Set<Node>([root]);
  const stack: { readonly node: Node; next: number }[] = [{ node: root, next: 0 }];
  const finished: Node[] = [];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const successor = successorsOf(top.node)[top.next++];
    if (successor === undefined) {
      finished.push(top.node);
      stack.pop();
    } else if (!seen.has(successor)) {
      seen.add(successor);
      stack.push({ node: successor, next: 0 });
    }
  }
  return finished.toReversed();
}

/** Builds a graph anew from its end; `change` gets each node and what its successors have become. */
export function rebuilt(order: readonly Node[], change: (node: Node, now: (old: Node) => Node) => Node): Node {
  const made = new Map<Node, Node>();
  const now = (old: Node): Node => {
    const node = made.get(old);
    if (node === undefined) throw new Error('a node comes before one that leads to it');
    return node;
  };
  for (const node of order.toReversed()) made.set(node, change(node, now));
  const [root] = order;
  if (root === undefined) throw new Error('a graph has a root');
  return now(root);
}
