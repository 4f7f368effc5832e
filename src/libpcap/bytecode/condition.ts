import { ancillary } from '../program.ts';
import { computed, type Expression, type ExpressionPool } from './expression.ts';

/** A question about two values. With `ge`, b may be a constant above 1 only. */
export interface Condition {
  readonly op: 'eq' | 'ge';
  readonly a: Expression;
  readonly b: Expression;
}

/** A condition, or its contrary; or what it is for every packet. */
export type Question = { readonly condition: Condition; readonly negated: boolean } | boolean;

/** How a program compares: equal, greater, greater or equal, any of these bits. */
export type Comparison = 'eq' | 'gt' | 'ge' | 'set';

const all_bits = 0xffff_ffff;

/** The tags that the kernel keeps beside a packet are of these types and no other (eth_type_vlan, linux/if_vlan.h). */
export const kept_tag_types: readonly [number, number] = [0x8100, 0x88a8];

/** Puts a comparison into its one form. Every step is an equivalence of 32-bit numbers without a sign. */
export function questionOf(pool: ExpressionPool, comparison: Comparison, a: Expression, b: Expression): Question {
  if (comparison === 'gt') return contrary(atLeast(pool, b, a));
  if (comparison === 'ge') return atLeast(pool, a, b);
  if (comparison === 'set') return contrary(equal(pool, pool.binary('and', a, b), pool.constant(0)));
  return equal(pool, a, b);
}

function contrary(question: Question): Question {
  if (typeof question === 'boolean') return !question;
  return { condition: question.condition, negated: !question.negated };
}

function equal(pool: ExpressionPool, a: Expression, b: Expression): Question {
  if (a === b) return true;
  if (b.kind !== 'constant') {
    if (a.kind === 'constant') return equal(pool, b, a);
    const [first, second] = a.id < b.id ? [a, b] : [b, a];
    return { condition: { op: 'eq', a: first, b: second }, negated: false };
  }
  if (a.kind === 'constant') return a.k === b.k;
  const { k } = b;
  if (k < a.min || k > a.max) return false;
  if (isTagType(a)) return tagTypeQuestion(pool, a, (value) => value === k);
  if (a.kind === 'binary') {
    const { op } = a;
    if (op === 'sub' && k === 0) return equal(pool, a.a, a.b);
    if (a.b.kind === 'constant') {
      if (op === 'add') return equal(pool, a.a, pool.constant((k - a.b.k) >>> 0));
      if (op === 'xor') return equal(pool, a.a, pool.constant((k ^ a.b.k) >>> 0));
      if (op === 'and' && (k & ~a.b.k) !== 0) return false;
      // Of one bit: it is set, or it is not.
      if (op === 'and' && k === a.b.k && (k & (k - 1)) === 0) return contrary(equal(pool, a, pool.constant(0)));
    }
  }
  return { condition: { op: 'eq', a, b }, negated: false };
}

function atLeast(pool: ExpressionPool, a: Expression, b: Expression): Question {
  if (a === b) return true;
  if (b.kind === 'constant') {
    const { k } = b;
    if (a.kind === 'constant') return a.k >= k;
    if (k <= a.min) return true;
    if (k > a.max) return false;
    if (isTagType(a)) return tagTypeQuestion(pool, a, (value) => value >= k);
    if (k === 1) return contrary(equal(pool, a, pool.constant(0)));
    if (k === a.max) return equal(pool, a, b);
    return { condition: { op: 'ge', a, b }, negated: false };
  }
  // k >= b: not b >= k + 1.
  if (a.kind === 'constant') {
    return a.k === all_bits ? true : contrary(atLeast(pool, b, pool.constant(a.k + 1)));
  }
  return { condition: { op: 'ge', a, b }, negated: false };
}

/** Does the value depend on the type of the tag beside the packet, and on nothing else? */
function isTagType(one: Expression): boolean {
  if (one.kind === 'ancillary') return one.k === ancillary.vlan_type;
  if (one.kind !== 'binary') return false;
  return (isTagType(one.a) && one.b.kind === 'constant') || (one.a.kind === 'constant' && isTagType(one.b));
}

function tagTypeQuestion(pool: ExpressionPool, a: Expression, holds: (value: number) => boolean): Question {
  const [first, second] = kept_tag_types.map((type) => {
    const value = withTagType(a, type);
    return value !== undefined && holds(value);
  });
  if (first === undefined || first === second) return first ?? false;
  const type = pool.ancillary(ancillary.vlan_type, 0xffff);
  return { condition: { op: 'eq', a: type, b: pool.constant(kept_tag_types[0]) }, negated: !first };
}

function withTagType(one: Expression, type: number): number | undefined {
  if (one.kind === 'ancillary') return type;
  if (one.kind === 'constant') return one.k;
  if (one.kind !== 'binary') return undefined;
  const [a, b] = [withTagType(one.a, type), withTagType(one.b, type)];
  return a === undefined || b === undefined ? undefined : computed(one.op, a, b);
}
