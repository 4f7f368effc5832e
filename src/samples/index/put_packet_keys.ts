import { createInnerPackets, findInnerPackets, type InnerPackets } from '../../pcap/inner_packets.ts';
import { linkTypes } from '../../pcap/link_type.ts';
import { createPeek, type Peek, peekIp, peekPacket } from '../../pcap/peek.ts';
import type { KeyTables } from './key_tables.ts';

const ethernet_bytes = 14;
/** Ethernet, an IPv4 header without options, and ports. */
const plain_bytes = ethernet_bytes + 20 + 4;
/** UDP ports behind which another packet may lie: GTP-U, VXLAN, Geneve, VXLAN as Linux had it first. */
const tunnel_ports: readonly number[] = [2152, 4789, 6081, 8472];

/** Puts the keys of packets into tables: see docs/formats/index.md. */
export class PacketKeys {
  readonly #linktype: number;
  readonly #outer: KeyTables;
  readonly #inner: KeyTables;
  readonly #peek: Peek = createPeek();
  readonly #inside: InnerPackets = createInnerPackets();
  readonly #inner_peek: Peek = createPeek();

  constructor(linktype: number, outer: KeyTables, inner: KeyTables) {
    this.#linktype = linktype;
    this.#outer = outer;
    this.#inner = inner;
  }

  /** Puts the keys of the packet of `length` captured bytes at `offset` for a block. */
  put(view: DataView, offset: number, length: number, block: number): void {
    if (this.#putPlain(view, offset, length, block)) return;
    const peek = this.#peek;
    peekPacket(this.#linktype, view, offset, length, peek);
    putKeys(this.#outer, view, peek, offset + length, block);
    const inside = this.#inside;
    findInnerPackets(view, offset, length, peek, inside);
    for (let at = 0; at < inside.count; at += 1) {
      const begin = inside.offsets[at] ?? offset;
      peekIp(inside.versions[at] === 6 ? 6 : 4, view, begin, offset + length - begin, this.#inner_peek);
      putKeys(this.#inner, view, this.#inner_peek, offset + length, block);
    }
  }

  /** What nearly all packets are: TCP or UDP over IPv4 over Ethernet, with nothing further in. False where this is none. */
  #putPlain(view: DataView, offset: number, length: number, block: number): boolean {
    if (this.#linktype !== linkTypes.ethernet || length < plain_bytes) return false;
    const ip = offset + ethernet_bytes;
    if (view.getUint16(offset + 12) !== 0x0800 || view.getUint8(ip) !== 0x45) return false;
    if ((view.getUint16(ip + 6) & 0x1fff) !== 0) return false;
    const protocol = view.getUint8(ip + 9);
    const [source, destination] = [view.getUint16(ip + 20), view.getUint16(ip + 22)];
    if (protocol !== 6 && (protocol !== 17 || isTunnel(source) || isTunnel(destination))) return false;
    const outer = this.#outer;
    outer.ipv4.put(view.getUint32(ip + 12), block);
    outer.ipv4.put(view.getUint32(ip + 16), block);
    outer.port.put(source, block);
    outer.port.put(destination, block);
    outer.protocol.put(protocol, block);
    return true;
  }
}

function isTunnel(port: number): boolean {
  return port >= 2152 && port <= 8472 && tunnel_ports.includes(port);
}

function putKeys(tables: KeyTables, view: DataView, peek: Peek, end: number, block: number): void {
  if (peek.address_length === 4) {
    putIpv4(tables, view, peek.source_offset, block);
    putIpv4(tables, view, peek.destination_offset, block);
  } else if (peek.address_length === 16) {
    putIpv6(tables, view, peek.network_offset + 8, end, block);
    putIpv6(tables, view, peek.network_offset + 24, end, block);
  }
  if (peek.protocol >= 0) tables.protocol.put(peek.protocol, block);
  if (peek.fragment_protocol >= 0) tables.protocol.put(peek.fragment_protocol, block);
  if (peek.transport >= 0) tables.protocol.put(peek.transport, block);
  if (peek.source_port >= 0) tables.port.put(peek.source_port, block);
  if (peek.destination_port >= 0) tables.port.put(peek.destination_port, block);
}

/** An address that was not captured whole counts as zero: the network of all addresses has it. */
function putIpv4(tables: KeyTables, view: DataView, at: number, block: number): void {
  tables.ipv4.put(at < 0 ? 0 : view.getUint32(at), block);
}

/**
 * libpcap compares with a network word by word, as far as its prefix reaches: of an address that is cut off, the words that are there count,
 * and the others are zero.
 */
function putIpv6(tables: KeyTables, view: DataView, at: number, end: number, block: number): void {
  const word = (index: number): number => (at + 4 * index + 4 <= end ? view.getUint32(at + 4 * index) : 0);
  tables.ipv6.putWide(word(0), word(1), word(2), word(3), block);
}
