import { lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { EndpointTarget } from '../model/endpoint_policy.ts';
import { FaultError } from '../model/errors/fault.ts';
import { addressFault, type Guard } from './address_fault.ts';

/** One answer of a resolver. */
export interface ResolvedAddress {
  readonly address: string;
  /** 4 or 6. */
  readonly family: number;
}

/** Resolves a name to all its addresses of a family (4, 6, or 0 for both), or to an error. */
export type Resolve = (
  host: string,
  family: number,
  answer: (error: Error | null, found: readonly ResolvedAddress[]) => void,
) => void;

/**
 * A `lookup` for `net.connect` that gives addresses only when every one of them may be connected to: a name with one
 * private address among public ones is refused, whatever order they come in.
 */
export function guardedLookup(guard: Guard, target: EndpointTarget, resolve: Resolve): LookupFunction {
  return (host, options, callback) => {
    const family = options.family === 'IPv4' ? 4 : options.family === 'IPv6' ? 6 : (options.family ?? 0);
    resolve(host, family, (error, answers) => {
      const found = answers.map((one) => ({ address: one.address, family: one.family }));
      const faults = found.map(({ address }) => addressFault(guard, target, address));
      const fault = faults.find((one) => one !== undefined);
      const [first] = found;
      if (error !== null) callback(missing(error, guard, target), '');
      else if (fault !== undefined) callback(new FaultError([fault]), '');
      else if (options.all === true) callback(null, found);
      else callback(null, first?.address ?? '', first?.family);
    });
  };
}

/** An address that nobody but this machine may reach. */
const forbidden = '127.0.0.1';

/** Where a name that leads to a forbidden address would be refused, one that leads nowhere is told the same, if need be. */
function missing(error: Error, guard: Guard, target: EndpointTarget): Error {
  if (guard.conceals !== true || !('code' in error) || error.code !== 'ENOTFOUND') return error;
  const fault = addressFault({ ...guard, refused: () => guard.refused(nameOf(target), 'none') }, target, forbidden);
  return fault === undefined ? error : new FaultError([fault], { cause: error });
}

function nameOf({ host, port }: EndpointTarget): string {
  return `${host}:${port}`;
}

/** The system's resolver (`getaddrinfo`). */
export const resolveBySystem: Resolve = (host, family, answer) => {
  systemLookup(host, { all: true, family }, (error, found) => answer(error, error === null ? found : []));
};
