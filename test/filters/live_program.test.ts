import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeInstructions, type Program } from '../../src/libpcap/program.ts';
import { type FilteredPacket, runBpf } from '../support/bpf_machine.ts';
import { coveringPackets } from '../support/covering_packets.ts';
import { programHere } from './compile_here.ts';
import { taggedBeside, taggedInside, uncooked } from './kernel_packet.ts';
import { randomArithmetic } from './random_arithmetic.ts';
import { randomExpression } from './random_expression.ts';
import { frameBytes, wholeFrame } from './random_frame.ts';
import { soak, times } from '../support/soak.ts';

// A live capture's program, asked about a packet on its way, says what the program over stored packets says of the record that becomes of it.

/** What asks for tags, for the bytes that a tag takes, for lengths, and for bytes at places that the packet tells. */
const aroundTags = fc.constantFrom(
  'vlan',
  'not vlan',
  'vlan 5 and tcp',
  'vlan 100',
  'vlan and vlan',
  'vlan and vlan 100 and ip',
  'not (vlan 100 and ip)',
  'not ether proto 0x8100 or (vlan and vlan and ip)',
  'vlan and pppoes',
  'pppoes',
  'mpls and geneve',
  'ether[12:2] = 0x8100',
  'ether[12] = 0x81 and ether[13] & 0xf0 = 0',
  'ether[14:2] & 0xfff = 100',
  'ether[15] = 100 or ether[11] = 2',
  'ether[10:4] = 0x00028100',
  'ether[11:4] & 0xffff = 0x8100',
  'ether[13:4] & 0xff = 8',
  'ether[14:4] = 0x00640800',
  'ether[15:2] = 0x6408',
  'ether[16:2] = 0x0800',
  'len = 78',
  'len > 80',
  'less 80',
  'greater 80',
  'ether[len - 1] = 0',
  'ether[ether[0] + 10:2] = 0x8100',
  'ether[ether[13]:4] != 0',
  'ether[ether[14] & 15] = 2',
  'ether[ip[0] & 0x1f:4] > 0x8000',
  'ether[ip[0] - 0x45] = 2',
  'ether[0 - ip[0]] = 2',
  'ip[tcp[0] - 1] = 0',
  'ether[12:2] << ip[8] > 5',
  '1 >> ip[9] = 0',
  'ether[12:2] > 0x8800',
  'ether[12:2] & 0xff = 0',
  'ether[12:2] / 2 = 0x4080',
  'ether[12:2] = ether[16:2]',
);
const texts = fc.oneof(
  { weight: 3, arbitrary: aroundTags },
  fc
    .tuple(aroundTags, fc.constantFrom('and', 'or'), aroundTags)
    .map(([one, how, two]) => `(${one}) ${how} not (${two})`),
  randomArithmetic,
  randomExpression,
);

interface Both {
  readonly stored: Program | undefined;
  readonly live: Program | undefined;
}

/** Undefined for a text that libpcap refuses. */
function programs(text: string, linktype: number, own_tags: boolean): Both | undefined {
  const texts = { expression_text: text, any_tags_text: own_tags ? '' : text, own_tags_text: own_tags ? text : '' };
  try {
    return { stored: programHere(texts, linktype), live: programHere(texts, linktype, true) };
  } catch {
    return undefined;
  }
}

const start = fc.array(wholeFrame.map(frameBytes), { minLength: 6, maxLength: 6 });

test(
  'on Ethernet, the tag beside the packet or inside of it',
  () => {
    const seen = { beside: 0, inside: 0, accepted: 0, rejected: 0 };
    fc.assert(
      fc.property(texts, fc.boolean(), start, (text, own_tags, frames) => {
        const both = programs(text, 1, own_tags);
        if (both === undefined) return;
        const { stored, live } = both;
        const covering =
          stored === undefined ? frames : coveringPackets(decodeInstructions(stored.instructions), frames, 60);
        for (const frame of covering) {
          if (frame.length < 18) continue;
          const wanted = stored === undefined ? 0 : runBpf(stored.instructions, { bytes: frame });
          for (const packet of [taggedInside(frame), taggedBeside(frame)]) {
            if (packet === undefined) continue;
            const given = live === undefined ? 0 : runBpf(live.instructions, packet);
            expect(given, `${text}: ${Buffer.from(frame).toString('hex')}`).toBe(wanted);
          }
          if (taggedBeside(frame) === undefined) seen.inside += 1;
          else seen.beside += 1;
          if (wanted === 0) seen.rejected += 1;
          else seen.accepted += 1;
        }
      }),
      { numRuns: times(600) },
    );
    expect(Math.min(seen.beside, seen.inside, seen.accepted, seen.rejected)).toBeGreaterThan(2000 * soak);
  },
  120_000 * Math.max(1, soak),
);

test.each([
  ['raw IP', 101],
  ['cooked', 113],
])(
  'on %s',
  (_, linktype) => {
    const seen = { accepted: 0, rejected: 0 };
    fc.assert(
      fc.property(fc.oneof(randomArithmetic, randomExpression), start, (text, frames) => {
        const both = programs(text, linktype, false);
        if (both === undefined) return;
        const { stored, live } = both;
        const packets = frames.map((frame) => (linktype === 101 ? frame.slice(14) : cooked(frame)));
        const covering =
          stored === undefined ? packets : coveringPackets(decodeInstructions(stored.instructions), packets, 60);
        for (const bytes of covering) {
          if (linktype === 113 && bytes.length < 16) continue;
          const packet: FilteredPacket = linktype === 101 ? { bytes, in_kernel: true } : uncooked(bytes);
          const wanted = stored === undefined ? 0 : runBpf(stored.instructions, { bytes });
          const given = live === undefined ? 0 : runBpf(live.instructions, packet);
          expect(given, `${text}: ${Buffer.from(bytes).toString('hex')}`).toBe(wanted);
          if (wanted === 0) seen.rejected += 1;
          else seen.accepted += 1;
        }
      }),
      { numRuns: times(300) },
    );
    expect(Math.min(seen.accepted, seen.rejected)).toBeGreaterThan(500 * soak);
  },
  120_000 * Math.max(1, soak),
);

function cooked(frame: Uint8Array): Uint8Array {
  return Uint8Array.from([0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 2, 0, 0, ...frame.slice(12)]);
}
