/** A filter as the classic BPF machine runs it, in the kernel (SO_ATTACH_FILTER) and in libpcap alike. */
export interface Program {
  /** LINKTYPE_ number (https://www.tcpdump.org/linktypes.html) of the packets that it can tell apart. */
  readonly linktype: number;
  /** `struct sock_filter` (linux/filter.h): 8 bytes each, little-endian: 16-bit code, jump if true, if false, 32-bit operand. */
  readonly instructions: Uint8Array;
}

/** One instruction, taken apart. */
export interface Instruction {
  readonly code: number;
  /** Instructions to skip where a conditional jump is taken, and where not: 0 to 255. */
  readonly jt: number;
  readonly jf: number;
  /** The operand, unsigned. */
  readonly k: number;
}

/** Size of an instruction. */
export const instruction_bytes = 8;

/** Most instructions that the kernel takes (BPF_MAXINSNS). */
export const instructions_max = 4096;

/** The most bytes of a packet that a compiled program lets through. */
export const accept_bytes = 262_144;

/** Instruction codes of linux/bpf_common.h and linux/filter.h, as far as edgetap writes or looks for them. */
export const codes = {
  load_word: 0x20,
  load_half: 0x28,
  load_byte: 0x30,
  load_word_indirect: 0x40,
  load_half_indirect: 0x48,
  load_byte_indirect: 0x50,
  load_x_header_length: 0xb1,
  /** The length of the packet. */
  load_length: 0x80,
  /** Of the machine's memory. */
  load_x: 0x61,
  store: 0x02,
  store_x: 0x03,
  set_a: 0x00,
  set_x: 0x01,
  to_x: 0x07,
  add_x: 0x0c,
  subtract_x: 0x1c,
  and: 0x54,
  shift_left: 0x64,
  jump: 0x05,
  jump_if_equal: 0x15,
  jump_if_greater: 0x25,
  jump_if_at_least: 0x35,
  /** Where any of the bits of `k` is set. */
  jump_if_any: 0x45,
  return_constant: 0x06,
} as const;

/** The kernel's own facts about a packet, loaded from operands at `ancillary.base` and up (SKF_AD_OFF, linux/filter.h). */
export const ancillary = {
  base: 0xffff_f000,
  protocol: 0xffff_f000,
  packet_type: 0xffff_f004,
  interface_index: 0xffff_f008,
  /** ARPHRD_, the kind of the interface. */
  hardware_type: 0xffff_f01c,
  /** Number and priority of the tag that is kept beside the packet. */
  vlan_tag: 0xffff_f02c,
  vlan_present: 0xffff_f030,
  random: 0xffff_f038,
  /** EtherType of the tag. */
  vlan_type: 0xffff_f03c,
} as const;

/** Takes a program apart. Throws a RangeError where its bytes are not whole instructions. */
export function decodeInstructions(bytes: Uint8Array): readonly Instruction[] {
  if (bytes.length % instruction_bytes !== 0) throw new RangeError(`${bytes.length} bytes are no whole instructions`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / instruction_bytes }, (_, index) => {
    const at = index * instruction_bytes;
    return {
      code: view.getUint16(at, true),
      jt: view.getUint8(at + 2),
      jf: view.getUint8(at + 3),
      k: view.getUint32(at + 4, true),
    };
  });
}

/** Puts a program together. */
export function encodeInstructions(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * instruction_bytes);
  const view = new DataView(bytes.buffer);
  for (const [index, { code, jt, jf, k }] of instructions.entries()) {
    const at = index * instruction_bytes;
    view.setUint16(at, code, true);
    view.setUint8(at + 2, jt);
    view.setUint8(at + 3, jf);
    view.setUint32(at + 4, k, true);
  }
  return bytes;
}

/** `ret`: ends the program; 0 rejects the packet, any other number is how many of its bytes are kept at most. */
export function accept(bytes: number): Instruction {
  return { code: codes.return_constant, jt: 0, jf: 0, k: bytes };
}
