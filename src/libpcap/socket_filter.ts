import { type Libpcap, loadLibpcap } from './binding.ts';
import { addressOf, lastErrno, nativeBytes } from './native_bytes.ts';
import { errnoText } from './native_fault.ts';

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const instructionBytes = 8;
const programBytes = 16;

/** `ret 0`: no packet passes. */
export const rejectAllInstructions: Uint8Array = Uint8Array.of(0x06, 0, 0, 0, 0, 0, 0, 0);

/**
 * Puts a program of the classic BPF machine before a socket in place of the one that is there, at once and without a gap
 * (socket(7), linux/filter.h). Returns the reason in words where the kernel refuses it, undefined where it took it.
 */
export function attachSocketFilter(
  descriptor: number,
  instructions: Uint8Array,
  { libc }: Libpcap = loadLibpcap(),
): string | undefined {
  // struct sock_fprog: 16-bit count, padding, address of the instructions. These follow in the same memory, which is so
  // certain to be there during the call.
  const program = nativeBytes(programBytes + instructions.length);
  program.set(instructions, programBytes);
  const view = new DataView(program.buffer);
  view.setUint16(0, instructions.length / instructionBytes, true);
  view.setBigUint64(8, addressOf(program) + BigInt(programBytes), true);
  if (libc.setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, program, programBytes) === 0) return undefined;
  return `${errnoText(lastErrno())} for a program of ${instructions.length / instructionBytes} instructions`;
}
