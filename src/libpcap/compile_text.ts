import { type Libpcap, loadLibpcap } from './binding.ts';
import { copyNative, nativeBytes } from './native_bytes.ts';
import type { PcapPointer } from './pointer.ts';
import { decodeInstructions, type Instruction, instruction_bytes } from './program.ts';

/** What libpcap made of a text. */
export type CompiledText =
  | { readonly kind: 'program'; readonly instructions: readonly Instruction[] }
  /** Understood, and no packet can match. */
  | { readonly kind: 'rejects_all' }
  | { readonly kind: 'error'; readonly reason: string };

/** PCAP_NETMASK_UNKNOWN: `ip broadcast` is refused, because a stored packet has no netmask. */
const netmask_unknown = 0xffff_ffff;
const rejects_all = 'expression rejects all packets';

/**
 * Compiles a text of pcap-filter(7) for the link type of an open handle. The handle's other properties count too: on a live
 * handle `vlan` looks for the tag where the kernel keeps it.
 *
 * Never to be called with a user's text in a process that must go on: libpcap can compute for minutes and cannot be stopped.
 */
export function compileText(pcap: PcapPointer, text: string, native: Libpcap = loadLibpcap()): CompiledText {
  // C would end the text at a zero byte, and compile less than was asked for.
  if (!/^[\t\n\x20-\x7e]*$/.test(text)) return { kind: 'error', reason: 'it is not plain text' };
  // struct bpf_program: 32-bit count, padding, address of the instructions.
  const program = nativeBytes(16);
  const view = new DataView(program.buffer);
  if (native.pcap.pcap_compile(pcap, program, text, 1, netmask_unknown) < 0) {
    const reason = native.pcap.pcap_geterr(pcap);
    return reason === rejects_all ? { kind: 'rejects_all' } : { kind: 'error', reason };
  }
  try {
    const length = view.getUint32(0, true) * instruction_bytes;
    return { kind: 'program', instructions: decodeInstructions(copyNative(view.getBigUint64(8, true), length)) };
  } finally {
    native.pcap.pcap_freecode(program);
  }
}
