import { ancillary, codes, type Instruction } from './program.ts';

/** A header field that the kernel has beside the packet, by its place in the header and its load. */
interface HeaderField {
  readonly offset: number;
  readonly code: number;
  readonly ancillary: number;
}

interface CookedHeader {
  readonly bytes: number;
  readonly fields: readonly HeaderField[];
}

/** By LINKTYPE_ number: LINUX_SLL (113) and LINUX_SLL2 (276), https://www.tcpdump.org/linktypes.html. */
const headers: ReadonlyMap<number, CookedHeader> = new Map([
  [
    113,
    {
      bytes: 16,
      fields: [
        { offset: 0, code: codes.load_half, ancillary: ancillary.packet_type },
        { offset: 14, code: codes.load_half, ancillary: ancillary.protocol },
      ],
    },
  ],
  [
    276,
    {
      bytes: 20,
      fields: [
        { offset: 0, code: codes.load_half, ancillary: ancillary.protocol },
        { offset: 4, code: codes.load_word, ancillary: ancillary.interface_index },
        { offset: 10, code: codes.load_byte, ancillary: ancillary.packet_type },
      ],
    },
  ],
]);

const absolute: readonly number[] = [codes.load_word, codes.load_half, codes.load_byte, codes.load_x_header_length];
const indirect: readonly number[] = [codes.load_word_indirect, codes.load_half_indirect, codes.load_byte_indirect];

/**
 * Rewrites a program for a live capture of a cooked link type: there, the kernel runs the filter on packets that begin with the
 * network layer, and libpcap puts the header in front only afterwards. Loads behind the header move to the front, fields of
 * the header become the kernel's own facts about the packet (packet(7), linux/filter.h), and where a program reads other
 * bytes of the header the reason in words comes back. Other link types stay as they are.
 */
export function cookedOffsets(
  instructions: readonly Instruction[],
  linktype: number,
):
  | { readonly kind: 'program'; readonly instructions: readonly Instruction[] }
  | { readonly kind: 'impossible'; readonly reason: string } {
  const header = headers.get(linktype);
  if (header === undefined) return { kind: 'program', instructions };
  const moved: Instruction[] = [];
  for (const instruction of instructions) {
    const at = moveLoad(instruction, header);
    if (at === undefined) {
      const reason = `it reads byte ${instruction.k} of the link-layer header, which the kernel does not have on such an interface`;
      return { kind: 'impossible', reason };
    }
    moved.push({ ...instruction, ...at });
  }
  return { kind: 'program', instructions: moved };
}

/** What a load becomes; undefined where it cannot be. */
function moveLoad({ code, k }: Instruction, header: CookedHeader): Partial<Instruction> | undefined {
  const reads_packet = absolute.includes(code) || indirect.includes(code);
  if (!reads_packet || k >= ancillary.base) return {};
  if (k >= header.bytes) return { k: k - header.bytes };
  // The kernel loads its facts as numbers, whatever the width of the load.
  const field = header.fields.find((one) => one.offset === k && one.code === code);
  return field === undefined ? undefined : { code: codes.load_word, k: field.ancillary };
}
