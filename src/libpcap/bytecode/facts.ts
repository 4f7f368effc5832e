import type { Condition } from './condition.ts';
import type { Expression } from './expression.ts';

const all_bits = 0xffff_ffff;

/** What is known of one value. */
interface Known {
  /** These bits are known, and are those of `bits`; all others of `bits` are 0. */
  readonly mask: number;
  readonly bits: number;
  readonly least: number;
  readonly most: number;
  /** It is one of these, where that is known. */
  readonly one_of: readonly number[] | undefined;
  /** Under some mask that is not all bits it is not this. */
  readonly is_not: Excluded | undefined;
}

interface Excluded {
  readonly mask: number;
  readonly bits: number;
  readonly others: Excluded | undefined;
}

/** A mask of a value: what conditions are about. */
interface Subject {
  readonly of: Expression;
  readonly mask: number;
}

/** Takes the last fact back. */
export type Undo = () => void;

/** Answers to conditions that are known at one place of a graph, and what follows from them for others. */
export class Facts {
  readonly #known = new Map<Expression, Known>();
  readonly #answers = new Map<number, boolean>();

  /** The answer that follows for sure; undefined where both are possible. */
  answer({ op, a, b }: Condition): boolean | undefined {
    const given = this.#answers.get(keyOf(op, a, b));
    if (given !== undefined || b.kind !== 'constant') return given;
    return op === 'eq' ? this.#equals(a, b.k) : this.#atLeast(a, b.k);
  }

  /** Adds an answer. */
  learn({ op, a, b }: Condition, answer: boolean): Undo {
    const key = keyOf(op, a, b);
    const given = this.#answers.get(key);
    this.#answers.set(key, answer);
    const undone = b.kind === 'constant' ? this.#learnOf(op, a, b.k, answer) : [];
    return () => {
      if (given === undefined) this.#answers.delete(key);
      else this.#answers.set(key, given);
      for (const undo of undone) undo();
    };
  }

  /** Adds that a value is one of these. */
  learnOneOf(a: Expression, values: readonly number[]): Undo {
    return this.#set(a, { one_of: values, least: Math.min(...values), most: Math.max(...values) });
  }

  #learnOf(op: Condition['op'], a: Expression, k: number, answer: boolean): readonly Undo[] {
    const known = this.#of(a);
    if (op === 'ge') {
      return [this.#set(a, answer ? { least: Math.max(known.least, k) } : { most: Math.min(known.most, k - 1) })];
    }
    const { of, mask } = subjectOf(a);
    const undone: Undo[] = [];
    if (answer && of !== a) undone.push(this.#set(a, { mask: all_bits, bits: k, least: k, most: k }));
    const before = this.#of(of);
    if (answer) {
      const bits = { mask: (before.mask | mask) >>> 0, bits: (before.bits | k) >>> 0 };
      undone.push(this.#set(of, mask === all_bits ? { ...bits, least: k, most: k } : bits));
    } else if (mask !== all_bits) {
      undone.push(this.#set(of, { is_not: { mask, bits: k, others: before.is_not } }));
    } else if (before.one_of !== undefined) {
      undone.push(
        this.learnOneOf(
          of,
          before.one_of.filter((value) => value !== k),
        ),
      );
    }
    return undone;
  }

  #of(one: Expression): Known {
    return (
      this.#known.get(one) ?? { mask: 0, bits: 0, least: one.min, most: one.max, one_of: undefined, is_not: undefined }
    );
  }

  #set(one: Expression, changed: Partial<Known>): Undo {
    const before = this.#known.get(one);
    this.#known.set(one, { ...this.#of(one), ...changed });
    return () => {
      if (before === undefined) this.#known.delete(one);
      else this.#known.set(one, before);
    };
  }

  #equals(a: Expression, k: number): boolean | undefined {
    const whole = this.#of(a);
    if (k < whole.least || k > whole.most) return false;
    if (whole.least === whole.most) return true;
    const { of, mask } = subjectOf(a);
    const { mask: known_mask, bits, is_not, one_of } = this.#of(of);
    if (one_of !== undefined && !one_of.some((value) => (value & mask) >>> 0 === k)) return false;
    if (((bits ^ k) & known_mask & mask) !== 0) return false;
    if ((known_mask & mask) >>> 0 === mask) return true;
    for (let one = is_not; one !== undefined; one = one.others) {
      if ((one.mask & mask) >>> 0 === one.mask && (k & one.mask) >>> 0 === one.bits) return false;
    }
    return undefined;
  }

  #atLeast(a: Expression, k: number): boolean | undefined {
    const { least, most } = this.#of(a);
    if (least >= k) return true;
    if (most < k) return false;
    const { of, mask } = subjectOf(a);
    const { mask: known_mask, bits } = this.#of(of);
    // The least and the greatest value that has the known bits.
    if ((bits & mask) >>> 0 >= k) return true;
    return ((bits | ~known_mask) & mask) >>> 0 < k ? false : undefined;
  }
}

/** Numbers of expressions have less than 26 bits. */
function keyOf(op: Condition['op'], a: Expression, b: Expression): number {
  return (a.id * 2 ** 26 + b.id) * 2 + (op === 'eq' ? 0 : 1);
}

function subjectOf(a: Expression): Subject {
  if (a.kind === 'binary' && a.op === 'and' && a.b.kind === 'constant') return { of: a.a, mask: a.b.k };
  return { of: a, mask: all_bits };
}
