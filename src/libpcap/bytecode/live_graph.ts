import { ancillary } from '../program.ts';
import { kept_tag_types, questionOf } from './condition.ts';
import { type Expression, type ExpressionPool, length_limit, type LoadSize } from './expression.ts';
import { expressionsOf, type GraphPool, inOrder, type Node, rebuilt } from './graph.ts';
import { simplified } from './simplify.ts';

/** A graph for the kernel, or what it would need that the kernel does not have, in words. */
export type LiveGraph =
  | { readonly kind: 'graph'; readonly root: Node }
  | { readonly kind: 'impossible'; readonly reason: string };

/** Bytes of a stored packet that the kernel does not have in the packet when it asks the filter: libpcap puts them there afterwards. */
interface Beside {
  /** Where they are in the stored packet, and how many. */
  readonly at: number;
  readonly bytes: number;
  /** Those whose value the kernel knows. */
  readonly fields: readonly Field[];
}

interface Field {
  readonly offset: number;
  readonly bytes: number;
  /** SKF_AD_OFF and more. */
  readonly ancillary: number;
}

/** The link type whose packets may have a VLAN tag beside them. */
const ethernet = 1;

/** Put in front of a frame's type: the outermost tag, type and number. */
const tag: Beside = {
  at: 12,
  bytes: 4,
  fields: [
    { offset: 12, bytes: 2, ancillary: ancillary.vlan_type },
    { offset: 14, bytes: 2, ancillary: ancillary.vlan_tag },
  ],
};

/**
 * Put in front of packets of interfaces whose link layer libpcap does not read, by LINKTYPE_ number: LINUX_SLL (113) and LINUX_SLL2 (276),
 * https://www.tcpdump.org/linktypes.html.
 */
const cooked_headers: ReadonlyMap<number, Beside> = new Map([
  [
    113,
    {
      at: 0,
      bytes: 16,
      fields: [
        { offset: 0, bytes: 2, ancillary: ancillary.packet_type },
        { offset: 2, bytes: 2, ancillary: ancillary.hardware_type },
        { offset: 14, bytes: 2, ancillary: ancillary.protocol },
      ],
    },
  ],
  [
    276,
    {
      at: 0,
      bytes: 20,
      fields: [
        { offset: 0, bytes: 2, ancillary: ancillary.protocol },
        { offset: 4, bytes: 4, ancillary: ancillary.interface_index },
        { offset: 8, bytes: 2, ancillary: ancillary.hardware_type },
        { offset: 10, bytes: 1, ancillary: ancillary.packet_type },
      ],
    },
  ],
]);

/**
 * Rewrites a graph over stored packets for the kernel's machine, so that it says of a packet on its way what the first says of the same packet once it
 * is stored. Different are where the outermost tag or a cooked header is, offsets that pass 32 bits (the kernel starts again at 0, or reads words of
 * its own) and shifts by 32 bits and more (the kernel takes the number modulo 32).
 */
export function liveGraph(root: Node, linktype: number, pool: GraphPool): LiveGraph {
  try {
    const cooked = cooked_headers.get(linktype);
    const whole = new LiveRewriter(pool, cooked).rewritten(root);
    if (linktype !== ethernet) return { kind: 'graph', root: whole };
    const tagged = new LiveRewriter(pool, tag).rewritten(simplified(withTag(root, pool), pool));
    const present = pool.expressions.ancillary(ancillary.vlan_present, 1);
    const question = questionOf(pool.expressions, 'set', present, pool.expressions.constant(1));
    return { kind: 'graph', root: pool.ask(question, tagged, whole) };
  } catch (error) {
    if (!(error instanceof MissingByte || error instanceof TooManyPlaces)) throw error;
    return { kind: 'impossible', reason: error.message };
  }
}

/** What of a graph matters to frames with a tag that the kernel knows. */
function withTag(root: Node, pool: GraphPool): Node {
  const type = pool.expressions.load(2, tag.at);
  return kept_tag_types.reduceRight<Node>((other, value) => {
    return pool.ask(questionOf(pool.expressions, 'eq', type, pool.expressions.constant(value)), root, other);
  }, pool.reject);
}

class MissingByte extends Error {
  constructor(offset: number) {
    super(`it reads byte ${offset} of the link-layer header, which the kernel does not have on such an interface`);
  }
}

class TooManyPlaces extends Error {
  constructor() {
    super('it reads from too many places that depend on the packet');
  }
}

/** Questions that are asked because an expression reads from where the packet tells; each doubles what follows. */
const questions_max = 300;

/** What has to be asked before an expression can be rewritten. */
class Split {
  readonly key: string;
  readonly value: Expression;
  readonly comparison: 'ge' | 'eq';
  readonly k: number;

  constructor(key: string, value: Expression, comparison: 'ge' | 'eq', k: number) {
    this.key = key;
    this.value = value;
    this.comparison = comparison;
    this.k = k;
  }
}

class LiveRewriter {
  readonly #pool: GraphPool;
  readonly #expressions: ExpressionPool;
  readonly #beside: Beside | undefined;
  #questions = 0;

  constructor(pool: GraphPool, beside: Beside | undefined) {
    this.#pool = pool;
    this.#expressions = pool.expressions;
    this.#beside = beside;
  }

  rewritten(root: Node): Node {
    return rebuilt(inOrder(root), (node, now) => this.#node(node, now, new Map()));
  }

  /** The node, behind the questions that its expressions need answered; `answers` are those above. */
  #node(node: Node, now: (old: Node) => Node, answers: ReadonlyMap<string, boolean>): Node {
    const pool = this.#pool;
    const evaluated = new Set<Expression>();
    const mapping = new Mapping(this.#expressions, this.#beside, answers, evaluated);
    const mapped: Expression[] = [];
    for (const one of expressionsOf(node)) {
      const value = mapping.of(one);
      if (value instanceof Split) {
        this.#questions += 1;
        if (this.#questions > questions_max) throw new TooManyPlaces();
        const [yes, no] = [true, false].map((answer) => this.#node(node, now, new Map(answers).set(value.key, answer)));
        const k = this.#expressions.constant(value.k);
        const question = questionOf(this.#expressions, value.comparison, value.value, k);
        return pool.evaluate([value.value], pool.ask(question, yes ?? pool.reject, no ?? pool.reject));
      }
      mapped.push(value);
    }
    return pool.evaluate(evaluated, this.#with(node, mapped, now));
  }

  #with(node: Node, [a, b]: readonly Expression[], now: (old: Node) => Node): Node {
    const pool = this.#pool;
    if (a === undefined || a.kind === 'never' || b?.kind === 'never') return pool.reject;
    if (node.kind === 'return') return pool.result(a);
    if (node.kind === 'assign') return pool.assign(node.variable, a, now(node.next));
    if (node.kind === 'evaluate') return now(node.next);
    if (b === undefined) return pool.reject;
    const question = questionOf(this.#expressions, node.condition.op, a, b);
    return pool.ask(question, now(node.yes), now(node.no));
  }
}

/** Rewrites expressions under the answers that are given. */
class Mapping {
  readonly #pool: ExpressionPool;
  readonly #beside: Beside | undefined;
  readonly #answers: ReadonlyMap<string, boolean>;
  /** What may reject the packet, in the new form. */
  readonly #evaluated: Set<Expression>;

  constructor(
    pool: ExpressionPool,
    beside: Beside | undefined,
    answers: ReadonlyMap<string, boolean>,
    evaluated: Set<Expression>,
  ) {
    this.#pool = pool;
    this.#beside = beside;
    this.#answers = answers;
    this.#evaluated = evaluated;
  }

  of(one: Expression): Expression | Split {
    const value = this.#rewritten(one);
    if (!(value instanceof Split)) for (const trap of value.traps) this.#evaluated.add(trap);
    return value;
  }

  #rewritten(one: Expression): Expression | Split {
    switch (one.kind) {
      case 'length':
        return this.#pool.binary('add', one, this.#pool.constant(this.#beside?.bytes ?? 0));
      case 'load':
        return this.#load(one.size, one.k);
      case 'indirect': {
        const x = this.of(one.x);
        return x instanceof Split || x.kind === 'never' ? x : this.#indirect(one, x);
      }
      case 'binary': {
        const [a, b] = [this.of(one.a), this.of(one.b)];
        if (a instanceof Split) return a;
        if (b instanceof Split) return b;
        const shifts = one.op === 'shl' || one.op === 'shr';
        if (!shifts || b.kind === 'constant' || b.max <= 31) return this.#pool.binary(one.op, a, b);
        const all_out = this.#ask(`${one.id} shift`, b, 'ge', 32);
        if (typeof all_out !== 'boolean') return all_out;
        return all_out ? this.#pool.constant(0) : this.#pool.binary(one.op, a, b);
      }
      case 'constant':
      case 'ancillary':
      case 'variable':
      case 'never':
        return one;
      default:
        return one satisfies never;
    }
  }

  /** The answer to a question that was asked before, or the question. */
  #ask(key: string, value: Expression, comparison: 'ge' | 'eq', k: number): boolean | Split {
    const question = questionOf(this.#pool, comparison, value, this.#pool.constant(k));
    if (typeof question === 'boolean') return question;
    return this.#answers.get(key) ?? new Split(key, value, comparison, k);
  }

  #indirect({ id, size, k }: Extract<Expression, { readonly kind: 'indirect' }>, x: Expression): Expression | Split {
    const too_far = this.#ask(`${id} far`, x, 'ge', length_limit - k);
    if (typeof too_far !== 'boolean') return too_far;
    if (too_far) return this.#pool.never;
    const { at, bytes, fields } = this.#beside ?? { at: 0, bytes: 0, fields: [] };
    if (k >= at + bytes) return this.#pool.indirect(size, x, k - bytes);
    if (fields.reduce((sum, field) => sum + field.bytes, 0) < bytes) throw new MissingByte(k);
    const behind = this.#ask(`${id} behind`, x, 'ge', at + bytes - k);
    if (typeof behind !== 'boolean') return behind;
    if (behind) {
      if (k >= bytes) return this.#pool.indirect(size, x, k - bytes);
      return this.#pool.indirect(size, this.#pool.binary('sub', x, this.#pool.constant(bytes - k)), 0);
    }
    for (let offset = at + bytes - 1; offset > at - size && offset >= k; offset--) {
      const here = this.#ask(`${id} at ${offset}`, x, 'eq', offset - k);
      if (typeof here !== 'boolean') return here;
      if (here) return this.#load(size, offset);
    }
    return this.#pool.indirect(size, x, k);
  }

  #load(size: LoadSize, k: number): Expression {
    const { at, bytes } = this.#beside ?? { at: 0, bytes: 0 };
    if (k >= at + bytes) return this.#pool.load(size, k - bytes);
    if (k + size <= at) return this.#pool.load(size, k);
    let value = this.#pool.constant(0);
    for (let offset = k; offset < k + size; ) {
      const part = this.#part(offset, k + size - offset);
      value = this.#pool.binary('shl', value, this.#pool.constant(8 * part.bytes));
      value = this.#pool.binary('or', value, part.value);
      offset += part.bytes;
    }
    return value;
  }

  /** The value of as many of the bytes from an offset on as can be had at once. */
  #part(offset: number, most: number): { readonly value: Expression; readonly bytes: number } {
    const { at, bytes, fields } = this.#beside ?? { at: 0, bytes: 0, fields: [] };
    const pool = this.#pool;
    if (offset < at || offset >= at + bytes) {
      const room = offset < at ? Math.min(most, at - offset) : most;
      const size = room >= 4 ? 4 : room >= 2 ? 2 : 1;
      const value = pool.load(size, offset < at ? offset : offset - bytes);
      this.#evaluated.add(value);
      return { value, bytes: size };
    }
    const field = fields.find((one) => offset >= one.offset && offset < one.offset + one.bytes);
    if (field === undefined) throw new MissingByte(offset);
    const known = pool.ancillary(field.ancillary, 2 ** (8 * field.bytes) - 1);
    if (offset === field.offset && field.bytes <= most) return { value: known, bytes: field.bytes };
    const shift = 8 * (field.offset + field.bytes - 1 - offset);
    const byte = pool.binary('and', pool.binary('shr', known, pool.constant(shift)), pool.constant(0xff));
    return { value: byte, bytes: 1 };
  }
}
