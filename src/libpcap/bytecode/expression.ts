/** What two numbers of 32 bits without a sign are made into one by (bpf(4)). */
export type Operator = 'add' | 'sub' | 'mul' | 'div' | 'mod' | 'or' | 'and' | 'xor' | 'shl' | 'shr';

/** Bytes of a packet that one load takes. */
export type LoadSize = 1 | 2 | 4;

interface Common {
  /** Of its pool, from 0 on: equal expressions have one number. */
  readonly id: number;
  /** No value is less, none greater. */
  readonly min: number;
  readonly max: number;
  /** Its parts that may reject the packet when they are evaluated, no two alike: loads, and divisions by what may be zero. */
  readonly traps: readonly Expression[];
  /** Of how many parts it consists, each counted as often as it occurs. */
  readonly parts: number;
  /** So many scratch words suffice to compute it. */
  readonly words: number;
}

/** No expression of a filter's text is as large: each part is an instruction. */
const parts_max = 50_000;

/** A program that computes more than can be told here, and is none of libpcap's. */
export class TooComplex extends Error {}

/**
 * A value that a filter computes, apart from the registers that it is computed in. The value of an expression is the same wherever it is
 * evaluated, so that tests of expressions can be moved, merged and left out. Evaluating one *rejects the packet* where it loads from
 * beyond the captured bytes or divides by zero.
 */
export type Expression =
  | (Common & { readonly kind: 'constant'; readonly k: number })
  /** The packet's length on the wire. */
  | (Common & { readonly kind: 'length' })
  | (Common & { readonly kind: 'load'; readonly size: LoadSize; readonly k: number })
  /** From offset x + k; a sum of more than 32 bits rejects the packet. */
  | (Common & { readonly kind: 'indirect'; readonly size: LoadSize; readonly x: Expression; readonly k: number })
  /** What the kernel knows beside the packet: SKF_AD_OFF and more (linux/filter.h). */
  | (Common & { readonly kind: 'ancillary'; readonly k: number })
  | (Common & { readonly kind: 'binary'; readonly op: Operator; readonly a: Expression; readonly b: Expression })
  /** What was stored under this number on the way here, for values that depend on the way. */
  | (Common & { readonly kind: 'variable'; readonly number: number })
  /** Rejects every packet. */
  | (Common & { readonly kind: 'never' });

/** Packets are shorter than this, and offsets of the kernel's own words are not below. */
export const length_limit = 2 ** 31;

const all_bits = 0xffff_ffff;

/** Makes expressions, simplified, and each only once. */
export class ExpressionPool {
  readonly #made = new Map<string, Expression>();
  readonly never: Expression = this.#make('never', { kind: 'never', min: 0, max: 0 });
  readonly length: Expression = this.#make('length', { kind: 'length', min: 0, max: all_bits });
  /** The furthest offset that was asked to be loaded from and that no packet has. */
  beyond_packets: number | undefined;

  constant(k: number): Expression {
    return this.#make(`#${k}`, { kind: 'constant', k, min: k, max: k });
  }

  load(size: LoadSize, k: number): Expression {
    if (k + size > length_limit) return this.#beyondPackets(k);
    return this.#make(`${size}[${k}`, { kind: 'load', size, k, min: 0, max: maxOf(size) });
  }

  indirect(size: LoadSize, x: Expression, k: number): Expression {
    if (x.kind === 'never') return x;
    if (k + size > length_limit) return this.#beyondPackets(k);
    if (x.kind === 'constant') return this.load(size, x.k + k);
    // x = y + c, without a carry: the same byte, from y.
    if (x.kind === 'binary' && x.op === 'add' && x.b.kind === 'constant' && x.a.max + x.b.k <= all_bits) {
      return this.indirect(size, x.a, x.b.k + k);
    }
    return this.#make(`${size}[${x.id}+${k}`, { kind: 'indirect', size, x, k, min: 0, max: maxOf(size) });
  }

  #beyondPackets(offset: number): Expression {
    this.beyond_packets = Math.max(offset, this.beyond_packets ?? 0);
    return this.never;
  }

  ancillary(k: number, max: number): Expression {
    return this.#make(`!${k}`, { kind: 'ancillary', k, min: 0, max });
  }

  /** A variable that one of these values is stored under. */
  variable(number: number, values: readonly Expression[]): Expression {
    const min = Math.min(...values.map((one) => one.min));
    const max = Math.max(...values.map((one) => one.max));
    return this.#make(`v${number}`, { kind: 'variable', number, min, max });
  }

  /** 4 times the low half of a byte: the length of an IPv4 header. */
  headerLength(k: number): Expression {
    const low = this.binary('and', this.load(1, k), this.constant(0x0f));
    return this.binary('shl', low, this.constant(2));
  }

  /**
   * The value of a op b. Where it does not depend on one of them, that one is left out though evaluating it might reject the packet: who
   * translates a program sees to it that all of it is evaluated that the program evaluates.
   */
  binary(op: Operator, a: Expression, b: Expression): Expression {
    if (a.kind === 'never' || b.kind === 'never') return this.never;
    if (b.kind === 'constant') {
      return a.kind === 'constant' ? this.#folded(op, a.k, b.k) : this.#withConstant(op, a, b.k);
    }
    const commutes = op === 'add' || op === 'mul' || op === 'or' || op === 'and' || op === 'xor';
    if (commutes && a.kind === 'constant') return this.#withConstant(op, b, a.k);
    if (a === b && (op === 'sub' || op === 'xor')) return this.constant(0);
    return this.#binary(op, a, b);
  }

  #withConstant(op: Operator, a: Expression, k: number): Expression {
    switch (op) {
      case 'sub':
        return this.binary('add', a, this.constant(-k >>> 0));
      case 'add':
        if (k === 0) return a;
        if (a.kind === 'binary' && a.op === 'add' && a.b.kind === 'constant') {
          return this.binary('add', a.a, this.constant((a.b.k + k) >>> 0));
        }
        break;
      case 'and':
        return this.#masked(a, k);
      case 'or':
      case 'xor':
      case 'shl':
      case 'shr':
        if (k === 0) return a;
        if (k > 31 && (op === 'shl' || op === 'shr')) return this.constant(0);
        break;
      case 'mul':
        if (k === 0) return this.constant(0);
        if (k === 1) return a;
        break;
      case 'div':
      case 'mod':
        if (k === 0) return this.never;
        if (k === 1) return op === 'div' ? a : this.constant(0);
        break;
      default:
        return op satisfies never;
    }
    return this.#binary(op, a, this.constant(k));
  }

  #masked(a: Expression, mask: number): Expression {
    if (mask === 0) return this.constant(0);
    if (a.kind === 'binary' && a.op === 'and' && a.b.kind === 'constant') {
      return this.#masked(a.a, (a.b.k & mask) >>> 0);
    }
    // A mask of low ones that no value exceeds takes nothing away.
    if ((bitsBelow(a.max) & ~mask) === 0) return a;
    return this.#binary('and', a, this.constant(mask));
  }

  #folded(op: Operator, a: number, b: number): Expression {
    const value = computed(op, a, b);
    return value === undefined ? this.never : this.constant(value);
  }

  #binary(op: Operator, a: Expression, b: Expression): Expression {
    const sum = a.max + b.max;
    const min = op === 'add' && sum <= all_bits ? a.min + b.min : 0;
    return this.#make(`${op} ${a.id} ${b.id}`, { kind: 'binary', op, a, b, min, max: maxOfBinary(op, a, b) });
  }

  #make(key: string, made: Made): Expression {
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const parts = partsOf(made);
    if (parts > parts_max) throw new TooComplex(`an expression of ${parts} parts`);
    const traps: Expression[] = [...trapsOfParts(made)];
    const expression: Expression = { ...made, id: this.#made.size, parts, words: wordsOf(made), traps };
    const traps_itself = expression.kind === 'never' || expression.kind === 'load' || expression.kind === 'indirect';
    if (traps_itself || dividesByZero(made)) traps.push(expression);
    this.#made.set(key, expression);
    return expression;
  }
}

type Made = DistributiveOmit<Expression, 'id' | 'parts' | 'words' | 'traps'>;
type DistributiveOmit<T, K extends keyof T> = T extends unknown ? Omit<T, K> : never;

function partsOf(one: Made): number {
  if (one.kind === 'binary') return 1 + one.a.parts + one.b.parts;
  return one.kind === 'indirect' ? 1 + one.x.parts : 1;
}

/** Of two parts the one that takes more is computed first, and kept while the other one is. */
function wordsOf(one: Made): number {
  if (one.kind === 'indirect') return one.x.words;
  if (one.kind !== 'binary') return 0;
  if (one.b.kind === 'constant') return one.a.words;
  return Math.max(one.a.words, one.b.words, Math.min(one.a.words, one.b.words) + 1);
}

function trapsOfParts(one: Made): Iterable<Expression> {
  if (one.kind === 'indirect') return one.x.traps;
  if (one.kind !== 'binary') return [];
  if (one.b.traps.length === 0) return one.a.traps;
  return new Set([...one.a.traps, ...one.b.traps]);
}

/** May it divide by zero? */
function dividesByZero(one: Made): boolean {
  return one.kind === 'binary' && (one.op === 'div' || one.op === 'mod') && one.b.kind !== 'constant';
}

/** The result in 32 bits without a sign; undefined for a division by zero. Shifts by 32 bits or more leave nothing. */
export function computed(op: Operator, a: number, b: number): number | undefined {
  switch (op) {
    case 'add':
      return (a + b) >>> 0;
    case 'sub':
      return (a - b) >>> 0;
    case 'mul':
      return Math.imul(a, b) >>> 0;
    case 'div':
      return b === 0 ? undefined : Math.floor(a / b);
    case 'mod':
      return b === 0 ? undefined : a % b;
    case 'or':
      return (a | b) >>> 0;
    case 'and':
      return (a & b) >>> 0;
    case 'xor':
      return (a ^ b) >>> 0;
    case 'shl':
      return b > 31 ? 0 : (a << b) >>> 0;
    case 'shr':
      return b > 31 ? 0 : a >>> b;
    default:
      return op satisfies never;
  }
}

function maxOf(size: LoadSize): number {
  return 2 ** (8 * size) - 1;
}

/** All bits up to the highest one that is set. */
function bitsBelow(max: number): number {
  return max === 0 ? 0 : all_bits >>> Math.clz32(max);
}

function maxOfBinary(op: Operator, a: Expression, b: Expression): number {
  switch (op) {
    case 'add':
      return atMost(a.max + b.max);
    case 'mul':
      return atMost(a.max * b.max);
    case 'shl':
      return b.kind === 'constant' ? atMost(a.max * 2 ** b.k) : all_bits;
    case 'or':
    case 'xor':
      return bitsBelow(Math.max(a.max, b.max)) >>> 0;
    case 'and':
      return Math.min(a.max, b.max);
    case 'shr':
      return b.kind === 'constant' ? a.max >>> b.k : a.max;
    case 'div':
      return b.kind === 'constant' ? Math.floor(a.max / b.k) : a.max;
    case 'mod':
      return Math.min(a.max, Math.max(b.max - 1, 0));
    case 'sub':
      return all_bits;
    default:
      return op satisfies never;
  }
}

/** A sum or product that 32 bits hold is as it is; else nothing is known of it. */
function atMost(value: number): number {
  return value <= all_bits ? value : all_bits;
}
