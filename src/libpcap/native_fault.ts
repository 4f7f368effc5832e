import { getSystemErrorMessage, getSystemErrorName } from 'node:util';
import { raise } from '../model/errors/fault.ts';
import { lastErrno } from './native_bytes.ts';

/** An errno as people read it: `No such device (ENODEV)`. */
export function errnoText(errno: number): string {
  if (errno <= 0) return 'no reason given';
  return `${getSystemErrorMessage(-errno)} (${getSystemErrorName(-errno)})`;
}

/** Throws `native_call_failed` with the reason that errno gives. To be called right after the call that failed. */
export function raiseErrno(call: string): never {
  return raise('native_call_failed', { call, reason: errnoText(lastErrno()) });
}

/** Returns the result of a native call, or throws `native_call_failed` where it is below zero. */
export function checked(call: string, result: number): number {
  if (result < 0) raiseErrno(call);
  return result;
}
