import { encodeRecordHeader, recordHeaderBytes } from '../../src/pcap/pcap_record.ts';
import { limits } from '../../src/model/limits.ts';

/** What of the mix the cases of a benchmark ask for. */
export const mixed = {
  /** A host with 67 packets, spread over all of the time. */
  rare_host: '192.0.2.67',
  rare_host_packets: 67,
  /** A server that is one end of about a fiftieth of the flows. */
  busy_host: '198.51.100.7',
  /** One TCP connection with the busy server, spread over all of the time; both ends have much other traffic. */
  connection: { client: '10.20.1.77', client_port: 50_123, server: '198.51.100.7', server_port: 443, packets: 400 },
  /** About a fifth of all packets have it. */
  port: 443,
  /** 250 hosts with about a hundredth of the flows. */
  network: '203.0.113.0/24',
} as const;

/** Packets are this far apart: 20 million in 298 seconds, which is what one look-back can ask for. */
export const spacing_ns = 14_900;
const jitter_ns = 14_000;
const second_ns = 1_000_000_000;

const clients = 6000;
const servers = 109_000;
const servers_ipv6 = 8000;
const network_hosts = 250;
const open_flows = 8192;
const pool_bytes = 1 << 16;
const record_max_bytes = recordHeaderBytes + limits.sample_snaplen_bytes;

const [tcp, udp, icmp] = [6, 17, 1];
const [syn, syn_ack, ack, push_ack, fin_ack] = [0x02, 0x12, 0x10, 0x18, 0x11];
/** With the time stamp option. */
const tcp_header_bytes = 32;

/** Packets as a busy network has them, the same ones each time; see `createPacketMix`. */
export interface PacketMix {
  /** Packets that are left. */
  readonly left: number;
  /** Nanoseconds from the beginning to the last packet that was given, whole. */
  readonly reached_ns: number;
  /** Distinct addresses so far. */
  readonly addresses: number;
  /** Writes the next packets as pcap records, as many as have room; gives where they end. */
  next(bytes: Uint8Array, view: DataView): number;
}

/** Where the packets of a flow come from and go to. `server` counts IPv4 servers, then the network's hosts, the busy one, IPv6. */
interface Flows {
  readonly protocol: Uint8Array;
  readonly client: Uint32Array;
  readonly server: Uint32Array;
  readonly client_port: Uint16Array;
  readonly server_port: Uint16Array;
  readonly sent: Uint32Array;
  readonly length: Uint32Array;
}

/**
 * Makes `total` packets from the full second `begin_s` on: some thousand TCP and UDP flows at any time, most of them short and a few long, between
 * 6,000 hosts of a site and 117,000 of the world, of which a few have most of the traffic (a power law). TCP has handshakes, data,
 * acknowledgements and ends; IPv4 headers have their checksums. What a packet would have had beyond the sampled 160 bytes is left out.
 */
export function createPacketMix(total: number, begin_s: number): PacketMix {
  const random = createRandom(20_260_131);
  const flows: Flows = {
    protocol: new Uint8Array(open_flows),
    client: new Uint32Array(open_flows),
    server: new Uint32Array(open_flows),
    client_port: new Uint16Array(open_flows),
    server_port: new Uint16Array(open_flows),
    sent: new Uint32Array(open_flows),
    length: new Uint32Array(open_flows),
  };
  const pool = Uint8Array.from({ length: pool_bytes }, () => random() >>> 24);
  const addresses = serverAddresses(random);
  const busy = servers + network_hosts;
  const seen = new Uint8Array(2 * clients + servers + network_hosts + 1 + servers_ipv6);
  const fraction = (): number => random() / 2 ** 32;

  const renew = (flow: number): void => {
    const where = fraction();
    let server = Math.floor(servers * fraction() ** 3);
    if (where < 0.01) server = servers + Math.floor(network_hosts * fraction());
    else if (where < 0.03) server = busy;
    else if (where < 0.1) server = busy + 1 + Math.floor(servers_ipv6 * fraction() ** 3);
    const [protocol, port, length] = chooseService(fraction);
    flows.protocol[flow] = protocol;
    flows.client[flow] = Math.floor(clients * fraction() ** 2);
    flows.server[flow] = server;
    flows.client_port[flow] = 32_768 + (random() % 28_000);
    flows.server_port[flow] = port;
    flows.sent[flow] = 0;
    flows.length[flow] = length;
  };
  for (let flow = 0; flow < open_flows; flow += 1) renew(flow);

  const connection_hosts = [addressOf(mixed.connection.client), addressOf(mixed.connection.server)] as const;
  const rare_host = addressOf(mixed.rare_host);
  const rare = spread(total, mixed.rare_host_packets, 0.5);
  const connection = spread(total, mixed.connection.packets, 0.25);
  let [given, reached_ns] = [0, 0];

  /** Writes one packet; gives where it ends. */
  const write = (bytes: Uint8Array, view: DataView, at: number): number => {
    reached_ns = given * spacing_ns + Math.floor(jitter_ns * fraction());
    const body = at + recordHeaderBytes;
    let original: number;
    if (isDue(rare, given)) {
      rare.given += 1;
      const [ends, length] = [{ from: connection_hosts[0], to: rare_host }, 60 + (random() % 400)] as const;
      original = frameIpv4(view, body, ends, udp, length);
      datagram(view, body + 34, 40_067, 5000, length);
    } else if (isDue(connection, given)) {
      const back = connection.given % 2 === 1;
      const { client_port, server_port } = mixed.connection;
      const [near, far] = connection_hosts;
      const length = back ? 1400 : 0;
      const ends = back ? { from: far, to: near } : { from: near, to: far };
      original = frameIpv4(view, body, ends, tcp, tcp_header_bytes + length);
      const ports = back ? ([server_port, client_port] as const) : ([client_port, server_port] as const);
      segment(view, body + 34, ports, connection.given === 0 ? syn : ack, connection.given);
      connection.given += 1;
    } else {
      original = ofFlow(view, body, random() % open_flows);
    }
    given += 1;
    const captured = Math.min(original, limits.sample_snaplen_bytes);
    const begun = headersLength(view, body);
    if (captured > begun) {
      const from = random() % (pool_bytes - record_max_bytes);
      for (let index = begun; index < captured; index += 1) bytes[body + index] = pool[from + index] ?? 0;
    }
    const seconds = Math.floor(reached_ns / second_ns);
    encodeRecordHeader(view, at, begin_s + seconds, reached_ns - seconds * second_ns, captured, original);
    return body + captured;
  };

  const ofFlow = (view: DataView, body: number, flow: number): number => {
    const { protocol, client, server, client_port, server_port } = flows;
    const [local, remote, kind] = [client[flow] ?? 0, server[flow] ?? 0, protocol[flow] ?? 0];
    const [sent, length] = [flows.sent[flow] ?? 0, flows.length[flow] ?? 0];
    // A handshake goes there and back; what follows comes rather from the server.
    const back = sent < 4 ? sent % 2 === 1 : random() % 100 < 58;
    const ipv6 = remote > busy;
    seen[(ipv6 ? clients : 0) + local] = 1;
    seen[2 * clients + remote] = 1;
    const payload = kind === tcp ? tcpPayload(random, sent, back) : 20 + (random() % (sent < 2 ? 300 : 1200));
    const l4 = kind === tcp ? tcp_header_bytes + payload : 8 + payload;
    let original: number;
    let behind = body + 34;
    if (ipv6) {
      original = frameIpv6(view, body, { client: local, server: remote, back }, kind, l4);
      behind = body + 54;
    } else {
      const [near, far] = [0x0a14_0000 + local, addresses[remote] ?? 0];
      original = frameIpv4(view, body, back ? { from: far, to: near } : { from: near, to: far }, kind, l4);
    }
    const ports =
      back && kind !== icmp
        ? ([server_port[flow] ?? 0, client_port[flow] ?? 0] as const)
        : ([client_port[flow] ?? 0, server_port[flow] ?? 0] as const);
    if (kind === tcp) segment(view, behind, ports, tcpFlags(sent, length, payload), sent);
    else if (kind === udp) datagram(view, behind, ports[0], ports[1], l4);
    else {
      view.setUint32(behind, back ? 0 : 0x0800_0000);
      view.setUint32(behind + 4, (ports[0] << 16) | (sent & 0xffff));
    }
    flows.sent[flow] = sent + 1;
    if (sent + 1 >= length) renew(flow);
    return original;
  };

  return {
    get left() {
      return total - given;
    },
    get reached_ns() {
      return reached_ns;
    },
    get addresses() {
      // The rare host is no flow's.
      return seen.reduce((sum, one) => sum + one, rare.given > 0 ? 1 : 0);
    },
    next(bytes, view) {
      let at = 0;
      for (let left = total - given; left > 0 && at + record_max_bytes <= bytes.length; left -= 1) {
        at = write(bytes, view, at);
      }
      return at;
    },
  };
}

/** Packets that come one by one, evenly among all others. */
interface Spread {
  readonly packets: number;
  readonly every: number;
  readonly first: number;
  given: number;
}

/** `phase` (0 to 1) sets two of them apart. */
function spread(total: number, packets: number, phase: number): Spread {
  const every = total / packets;
  return { packets, every, first: Math.floor(every * phase), given: 0 };
}

function isDue({ packets, every, first, given }: Spread, number: number): boolean {
  return given < packets && number >= first + every * given;
}

/** xorshift32 (Marsaglia, 2003): unsigned 32-bit numbers, never 0. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Of all servers with IPv4: those of the world, those of the network, the busy one. */
function serverAddresses(random: () => number): Uint32Array {
  const all = new Set<number>();
  while (all.size < servers) {
    const address = random();
    const first = address >>> 24;
    // Public unicast, and nothing that the cases ask for.
    if (first > 10 && first < 192 && first !== 127) all.add(address);
  }
  const network = addressOf(mixed.network.slice(0, mixed.network.indexOf('/')));
  const hosts = Array.from({ length: network_hosts }, (_, index) => network + 1 + index);
  return Uint32Array.from([...all, ...hosts, addressOf(mixed.busy_host)]);
}

function addressOf(text: string): number {
  return text.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
}

/** Protocol, port and number of packets of a new flow. A few flows are very long. */
function chooseService(fraction: () => number): readonly [number, number, number] {
  const kind = fraction();
  if (kind < 0.25) return [udp, 53, 2];
  if (kind < 0.27) return [icmp, 0, 2 + Math.floor(8 * fraction())];
  const length = Math.min(20_000, Math.floor(8 / (fraction() + 1e-6) ** 0.75));
  if (kind < 0.28) return [udp, 123, 2];
  if (kind < 0.38) return [udp, 1024 + Math.floor(60_000 * fraction()), length];
  if (kind < 0.54) return [tcp, mixed.port, Math.max(6, length)];
  const ports = [80, 22, 25, 8080, 5432, 3306, 9092, 993, 445, 8443];
  const port = ports[Math.floor(ports.length * fraction() ** 1.5)] ?? 80;
  return [tcp, kind < 0.8 ? port : 1024 + Math.floor(30_000 * fraction()), Math.max(6, length)];
}

function tcpPayload(random: () => number, sent: number, back: boolean): number {
  if (sent < 3) return 0;
  const kind = random() % 100;
  if (back) return kind < 65 ? 1448 : kind < 80 ? random() % 1400 : 0;
  return kind < 75 ? 0 : random() % 600;
}

function tcpFlags(sent: number, length: number, payload: number): number {
  if (sent === 0) return syn;
  if (sent === 1) return syn_ack;
  if (sent >= length - 2) return fin_ack;
  return payload > 0 ? push_ack : ack;
}

/** Ethernet and IPv4 headers; gives the frame's length. */
function frameIpv4(
  view: DataView,
  at: number,
  ends: { readonly from: number; readonly to: number },
  protocol: number,
  l4_bytes: number,
): number {
  ethernet(view, at, 0x0800);
  const ip = at + 14;
  const total = 20 + l4_bytes;
  view.setUint32(ip, 0x4500_0000 | total);
  view.setUint32(ip + 4, ((ends.from ^ ends.to ^ total) << 16) | 0x4000);
  view.setUint32(ip + 8, 0x4000_0000 | (protocol << 16));
  view.setUint32(ip + 12, ends.from);
  view.setUint32(ip + 16, ends.to);
  let sum = 0;
  for (let offset = 0; offset < 20; offset += 2) sum += view.getUint16(ip + offset);
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(ip + 10, ~sum);
  return 14 + total;
}

/** Ethernet and IPv6 headers; gives the frame's length. */
function frameIpv6(
  view: DataView,
  at: number,
  ends: { readonly client: number; readonly server: number; readonly back: boolean },
  protocol: number,
  l4_bytes: number,
): number {
  ethernet(view, at, 0x86dd);
  const ip = at + 14;
  view.setUint32(ip, 0x6000_0000);
  view.setUint32(ip + 4, (l4_bytes << 16) | ((protocol === icmp ? 58 : protocol) << 8) | 64);
  const [from, to] = ends.back ? [ip + 24, ip + 8] : [ip + 8, ip + 24];
  // The site is 2001:db8:20::/48, the world 2001:db8:f000::/36 (RFC 3849).
  for (const [place, site, host] of [
    [from, 0x0020, ends.client],
    [to, 0xf000 + (ends.server % 4093), ends.server],
  ] as const) {
    view.setUint32(place, 0x2001_0db8);
    view.setUint32(place + 4, site << 16);
    view.setUint32(place + 8, 0);
    view.setUint32(place + 12, host);
  }
  return 14 + 40 + l4_bytes;
}

function ethernet(view: DataView, at: number, type: number): void {
  view.setUint32(at, 0x0200_0000);
  view.setUint32(at + 4, 0x0001_0200);
  view.setUint32(at + 8, 0x0000_0002);
  view.setUint16(at + 12, type);
}

function segment(view: DataView, at: number, ports: readonly [number, number], flags: number, sent: number): void {
  view.setUint16(at, ports[0]);
  view.setUint16(at + 2, ports[1]);
  view.setUint32(at + 4, Math.imul(sent, 1448));
  view.setUint32(at + 8, flags === syn ? 0 : Math.imul(sent, 700));
  view.setUint32(at + 12, ((tcp_header_bytes / 4) << 28) | (flags << 16) | 0x01f6);
  view.setUint32(at + 16, 0);
  // Two of padding, then the time stamp option (RFC 7323).
  view.setUint32(at + 20, 0x0101_080a);
  view.setUint32(at + 24, sent);
  view.setUint32(at + 28, sent);
}

function datagram(view: DataView, at: number, from: number, to: number, length: number): void {
  view.setUint16(at, from);
  view.setUint16(at + 2, to);
  view.setUint16(at + 4, length);
  view.setUint16(at + 6, 0);
}

/** Bytes of a frame that are written already: all headers. */
function headersLength(view: DataView, at: number): number {
  const ipv6 = view.getUint16(at + 12) === 0x86dd;
  const protocol = view.getUint8(at + (ipv6 ? 20 : 23));
  return (ipv6 ? 54 : 34) + (protocol === tcp ? tcp_header_bytes : 8);
}
