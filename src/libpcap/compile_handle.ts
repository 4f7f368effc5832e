import { raise } from '../model/errors/fault.ts';
import { type Libpcap, loadLibpcap } from './binding.ts';
import { matchHeader } from './match_header.ts';
import { nativeBytes, nativeText } from './native_bytes.ts';
import { raiseErrno } from './native_fault.ts';
import type { PcapPointer } from './pointer.ts';

/** A handle to compile for. */
export interface CompileHandle {
  readonly pointer: PcapPointer;
  /** What the handle reads from: kept with it, so that it stays as long. */
  readonly memory: Uint8Array;
  close(): void;
}

/**
 * Opens a handle to compile filters for stored packets of a link type: an empty capture file in memory, so that libpcap
 * itself knows what the number means.
 *
 * @throws FaultError `native_call_failed`.
 */
export function openCompileHandle(linktype: number, native: Libpcap = loadLibpcap()): CompileHandle {
  const memory = nativeBytes(matchHeader(linktype).length);
  memory.set(matchHeader(linktype));
  const pointer = openRecords(memory, memory.length, native);
  return { pointer, memory, close: () => native.pcap.pcap_close(pointer) };
}

/**
 * Opens a capture file that lies in memory, with nanosecond times. The memory must stay until `pcap_close`.
 *
 * @throws FaultError `native_call_failed`.
 */
export function openRecords(memory: Uint8Array<ArrayBuffer>, bytes: number, native: Libpcap): PcapPointer {
  const file = native.libc.fmemopen(memory, bytes, 'r');
  if (file === null) return raiseErrno('fmemopen');
  const errorText = nativeBytes(256);
  const pointer = native.pcap.pcap_fopen_offline_with_tstamp_precision(file, 1, errorText);
  if (pointer !== null) return pointer;
  native.libc.fclose(file);
  return raise('native_call_failed', { call: 'pcap_fopen_offline', reason: nativeText(errorText) });
}
