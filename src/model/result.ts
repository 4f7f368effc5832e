import type { Fault } from './errors/fault.ts';

/** The outcome of checking something that a user sent: a value, or every fault found in it (never an empty list). */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/** A good result. */
export function ok<T>(value: T): Result<T> {
  return { ok: true, value };
}

/** A refusal with one or more faults. */
export function refused(first: Fault, ...more: readonly Fault[]): Result<never> {
  return { ok: false, faults: [first, ...more] };
}
