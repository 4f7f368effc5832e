import { readFileSync } from 'node:fs';
import { createInnerPackets, findInnerPackets } from '../../src/pcap/inner_packets.ts';
import { linkTypes } from '../../src/pcap/link_type.ts';
import { createPeek, type Peek, peekIp, peekPacket } from '../../src/pcap/peek.ts';
import { protocolFrames } from '../fixtures/protocol_frames.ts';
import { tunnelFrames } from '../fixtures/tunnel_frames.ts';
import { corpus } from '../support/packet_tools.ts';
import { readPackets } from '../support/read_packets.ts';
import type { FuzzRandom } from './fuzz_random.ts';
import { mutateBytes } from './mutate_bytes.ts';

/** All that are known, and one that is not. */
const linktypes = [...Object.values(linkTypes), 127];
const length_max = 400;

/**
 * The peek and the search for inner packets: on a packet alone, whose end is the end of all bytes, nothing is thrown; among
 * other bytes, whatever they are, the very same is found.
 */
export function headerTarget(): (random: FuzzRandom) => void {
  const files = corpus().flatMap((path) => readPackets([readFileSync(path)]).packets.map(({ data }) => data));
  const packets = [...protocolFrames(), ...tunnelFrames()].map(({ bytes }) => bytes).concat(files);
  return (random) => {
    const whole = mutateBytes(random, random.pick(packets), random.pick(packets), length_max);
    // Most packets begin with an Ethernet header; other link types get to see what is behind it.
    const linktype = random.once(3) ? random.pick(linktypes) : linkTypes.ethernet;
    const packet = linktype === linkTypes.ethernet || random.once(4) ? whole : whole.slice(random.pick([10, 12, 14]));
    const alone = found(linktype, packet, 0, packet.length);
    const before = random.below(20);
    for (const guard of [0x00, 0x45, 0xff]) {
      const around = new Uint8Array(before + packet.length + 64).fill(guard);
      around.set(packet, before);
      const there = found(linktype, around, before, packet.length);
      if (there !== alone)
        throw new Error(`among ${guard}: ${there}, alone: ${alone}, in ${describe(linktype, packet)}`);
    }
  };
}

/** All that is found, as text, with offsets counted from the packet's beginning. */
function found(linktype: number, bytes: Uint8Array, start: number, length: number): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [peek, inside, inner] = [createPeek(), createPeek(), createInnerPackets()];
  peekPacket(linktype, view, start, length, peek);
  findInnerPackets(view, start, length, peek, inner);
  const texts = [peekText(peek, start)];
  let last = start - 1;
  for (let index = 0; index < inner.count; index++) {
    const at = inner.offsets[index] ?? -1;
    const version = view.getUint8(at) >> 4;
    const sound = at > last && at < start + length && version === inner.versions[index];
    if (!sound || (version !== 4 && version !== 6))
      throw new Error(`no packet at ${at - start}: ${describe(linktype, bytes)}`);
    last = at;
    peekIp(version, view, at, start + length - at, inside);
    texts.push(peekText(inside, start));
  }
  return texts.join(', ');
}

function peekText(peek: Peek, start: number): string {
  return Object.entries(peek)
    .map(([name, value]: [string, unknown]) => {
      if (typeof value !== 'number') return JSON.stringify(value);
      return name.endsWith('_offset') && value >= 0 ? value - start : value;
    })
    .join(' ');
}

function describe(linktype: number, bytes: Uint8Array): string {
  return `link type ${linktype}: ${Buffer.from(bytes).toString('hex')}`;
}
