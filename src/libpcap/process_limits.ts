import koffi from 'koffi';
import { raise } from '../model/errors/fault.ts';
import { nativeBytes } from './native_bytes.ts';
import { raiseErrno } from './native_fault.ts';

/** Numbers of limits (asm-generic/resource.h). */
const resources = {
  /** Processor time of the process's whole life, in seconds. */
  cpu: 0,
  /** Memory that is its own and can be written, in bytes. */
  data: 2,
  /** Size of a core file, in bytes. */
  core: 4,
  /** One more than the highest new descriptor. */
  nofile: 7,
} as const;

/** A limit of setrlimit(2). */
export type ProcessLimitName = keyof typeof resources;

/** Sets limits of this process. */
export interface ProcessLimits {
  /**
   * The process can raise it again to `hard` only (`undefined`: without a bound), unless it has CAP_SYS_RESOURCE.
   *
   * @throws FaultError `native_call_failed` where the kernel refuses it
   */
  set(name: ProcessLimitName, soft: number, hard?: number): void;
}

/** RLIM_INFINITY */
const unlimited = 0xffff_ffff_ffff_ffffn;

/** @throws FaultError `native_call_failed` where the C library has no such call */
export function processLimits(): ProcessLimits {
  let setrlimit: (resource: number, limit: Uint8Array) => number;
  try {
    setrlimit = koffi.load(null).func('int setrlimit(int resource, const void *limit)');
  } catch (cause) {
    return raise('native_call_failed', { call: 'setrlimit', reason: String(cause) }, { cause });
  }
  return {
    set: (name, soft, hard) => {
      // struct rlimit: two 64-bit numbers.
      const limit = nativeBytes(16);
      const view = new DataView(limit.buffer);
      view.setBigUint64(0, BigInt(soft), true);
      view.setBigUint64(8, hard === undefined ? unlimited : BigInt(hard), true);
      if (setrlimit(resources[name], limit) !== 0) raiseErrno('setrlimit');
    },
  };
}
