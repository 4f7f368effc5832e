import { type Libpcap, loadLibpcap } from './binding.ts';
import { copyNative, nativeBytes } from './native_bytes.ts';
import type { PcapPointer } from './pointer.ts';
import { decodeInstructions, type Instruction, instruction_bytes } from './program.ts';

/** What libpcap made of a text: its program, or what is wrong with it. */
export type CompiledText =
  | { readonly kind: 'program'; readonly instructions: readonly Instruction[] }
  | { readonly kind: 'error'; readonly reason: string };

/** PCAP_NETMASK_UNKNOWN: `ip broadcast` is refused, because a stored packet has no netmask. */
const netmask_unknown = 0xffff_ffff;
/** libpcap's optimizer drops conditions of some filters: it is never asked. */
const unoptimized = 0;

/**
 * Compiles a text of pcap-filter(7) for the link type of an open handle of stored packets (`openCompileHandle`). The program is as long as libpcap first
 * writes it, and longer than the kernel may take.
 *
 * Never to be called with a user's text in a process that must go on: libpcap can compute for minutes and cannot be stopped.
 */
export function compileText(pcap: PcapPointer, text: string, native: Libpcap = loadLibpcap()): CompiledText {
  // C would end the text at a zero byte, and compile less than was asked for.
  if (!/^[\t\n\x20-\x7e]*$/.test(text)) return { kind: 'error', reason: 'it is not plain text' };
  // struct bpf_program: 32-bit count, padding, address of the instructions.
  const program = nativeBytes(16);
  const view = new DataView(program.buffer);
  if (native.pcap.pcap_compile(pcap, program, text, unoptimized, netmask_unknown) < 0) {
    return { kind: 'error', reason: native.pcap.pcap_geterr(pcap) };
  }
  try {
    const length = view.getUint32(0, true) * instruction_bytes;
    return { kind: 'program', instructions: decodeInstructions(copyNative(view.getBigUint64(8, true), length)) };
  } finally {
    native.pcap.pcap_freecode(program);
  }
}
