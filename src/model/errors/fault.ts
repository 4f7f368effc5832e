import { catalogue, type FaultName } from './catalogue.ts';
import type { FaultKind } from './kind.ts';

/** One error as a value: what the API, the bus and the log carry. */
export interface Fault {
  readonly name: FaultName;
  readonly code: number;
  /** For people: what, where and what to do. Never a secret. */
  readonly message: string;
  /** JSON pointer (RFC 6901) of the offending field of a request; the empty string is the whole body. */
  readonly pointer?: string;
}

/** Makes a fault of the catalogue; every `{param}` of its text must be given. */
export function fault(
  name: FaultName,
  params: Readonly<Record<string, string | number | bigint>> = {},
  pointer?: string,
): Fault {
  const kind: FaultKind = catalogue[name];
  const message = kind.text.replace(/\{(\w+)\}/g, (_, key: string) => String(params[key] ?? `{${key}}`));
  return { name, code: kind.code, message, ...(pointer === undefined ? {} : { pointer }) };
}

/** The catalogue's entry of a fault: its HTTP status and whether a retry helps. */
export function kindOf(of: Fault): FaultKind {
  return catalogue[of.name];
}

/** The one error class of edgetap: carries one or more faults as values. */
export class FaultError extends Error {
  override readonly name = 'FaultError';
  readonly faults: readonly [Fault, ...Fault[]];

  constructor(faults: readonly [Fault, ...Fault[]], options?: ErrorOptions) {
    super(faults.map((one) => one.message).join('; '), options);
    this.faults = faults;
  }
}

/** Throws one fault of the catalogue. */
export function raise(
  name: FaultName,
  params: Readonly<Record<string, string | number | bigint>> = {},
  options: ErrorOptions & { readonly pointer?: string } = {},
): never {
  throw new FaultError([fault(name, params, options.pointer)], options.cause === undefined ? undefined : options);
}

/** A fault as another process told it; one that this edgetap does not know is an `internal` with the words that came. */
export function faultNamed(told: { readonly name: string; readonly code: number; readonly message: string }): Fault {
  const { name, code, message } = told;
  return isFaultName(name) ? { name, code, message } : { name: 'internal', code, message };
}

function isFaultName(name: string): name is FaultName {
  return Object.hasOwn(catalogue, name);
}
