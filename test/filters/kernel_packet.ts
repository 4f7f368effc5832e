import type { AncillaryFacts, FilteredPacket } from '../support/bpf_machine.ts';

// SKF_AD_OFF and more (linux/filter.h).
const protocol = 0xffff_f000;
const packet_type = 0xffff_f004;
const hardware_type = 0xffff_f01c;
const vlan_tag = 0xffff_f02c;
const vlan_present = 0xffff_f030;
const vlan_type = 0xffff_f03c;

/** An Ethernet frame as the kernel has it when it asks a filter, where it keeps the outermost tag beside it: with a tag that it knows, or none. */
export function taggedBeside(frame: Uint8Array): FilteredPacket | undefined {
  const type = at16(frame, 12);
  if ((type !== 0x8100 && type !== 0x88a8) || frame.length < 18) return undefined;
  const facts = new Map([
    [vlan_present, 1],
    [vlan_type, type],
    [vlan_tag, at16(frame, 14)],
  ]);
  return { bytes: Uint8Array.from([...frame.subarray(0, 12), ...frame.subarray(16)]), facts, in_kernel: true };
}

/** The same with all tags in the frame. */
export function taggedInside(frame: Uint8Array): FilteredPacket {
  return { bytes: frame, facts: new Map([[vlan_present, 0]]), in_kernel: true };
}

/** A packet with a cooked header (LINKTYPE_LINUX_SLL), without it. */
export function uncooked(packet: Uint8Array): FilteredPacket {
  const facts: AncillaryFacts = new Map([
    [packet_type, at16(packet, 0)],
    [hardware_type, at16(packet, 2)],
    [protocol, at16(packet, 14)],
  ]);
  return { bytes: packet.slice(16), facts, in_kernel: true };
}

function at16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
}
