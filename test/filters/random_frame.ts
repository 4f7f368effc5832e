import * as fc from 'fast-check';

/** What is inside an Ethernet frame, behind its tags. */
export type Body =
  | {
      readonly kind: 'ipv4';
      readonly source: readonly number[];
      readonly destination: readonly number[];
      readonly protocol: number;
      readonly option_words: number;
      /** In units of 8 bytes; not 0 = not the first fragment. */
      readonly fragment_offset: number;
      readonly ports: readonly [number, number];
    }
  | {
      readonly kind: 'ipv6';
      readonly source: readonly number[];
      readonly destination: readonly number[];
      /** Extension headers by their number: 0 hop-by-hop, 43 routing, 44 fragment, 60 destination options. */
      readonly extensions: readonly number[];
      /** Units of 8 bytes that each of them but fragments has beside its first. */
      readonly extension_units: number;
      /** Of fragments, in units of 8 bytes; not 0 = not the first. */
      readonly fragment_offset: number;
      readonly protocol: number;
      readonly ports: readonly [number, number];
    }
  | {
      readonly kind: 'arp';
      readonly reverse: boolean;
      readonly sender: readonly number[];
      readonly target: readonly number[];
    }
  | { readonly kind: 'other'; readonly ethertype: number };

/** An Ethernet frame in its parts. */
export interface Frame {
  /** Type and VLAN number of each tag, outermost first. */
  readonly tags: readonly (readonly [number, number])[];
  readonly body: Body;
  /** Bytes that were captured of it, where not all. */
  readonly captured?: number | undefined;
}

/** The addresses that frames have: few, so that filters hit. */
export const addresses4: readonly (readonly number[])[] = [
  [10, 0, 0, 1],
  [10, 0, 0, 2],
  [10, 200, 3, 4],
  [192, 0, 2, 7],
];
export const addresses6: readonly (readonly number[])[] = [
  '20010db8000000000000000000000001',
  '20010db8ffff00000000000000000002',
  'fe800000000000000000000000000001',
].map((hex) => hex.match(/../g)?.map((byte) => Number.parseInt(byte, 16)) ?? []);
export const ports: readonly number[] = [0, 53, 80, 443, 65_535];
export const protocols: readonly number[] = [1, 6, 17, 47, 58, 132, 0, 255];

const pair = fc.tuple(fc.constantFrom(...ports), fc.constantFrom(...ports));
const address4 = fc.constantFrom(...addresses4);
const address6 = fc.constantFrom(...addresses6);
const protocol = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(6, 17, 132) }, fc.constantFrom(...protocols));

const body: fc.Arbitrary<Body> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('ipv4' as const),
      source: address4,
      destination: address4,
      protocol,
      option_words: fc.constantFrom(0, 0, 1, 10),
      fragment_offset: fc.constantFrom(0, 0, 0, 1, 0x1fff),
      ports: pair,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('ipv6' as const),
      source: address6,
      destination: address6,
      extensions: fc.oneof(
        fc.constant([]),
        fc.array(fc.constantFrom(0, 43, 44, 60), { maxLength: 1 }),
        fc.array(fc.constantFrom(0, 43, 44, 60), { maxLength: 3 }),
      ),
      extension_units: fc.constantFrom(0, 0, 1, 4),
      fragment_offset: fc.constantFrom(0, 0, 1, 0x1fff),
      // An extension header is none that is the last.
      protocol: protocol.filter((number) => number !== 0),
      ports: pair,
    }),
  },
  fc.record({ kind: fc.constant('arp' as const), reverse: fc.boolean(), sender: address4, target: address4 }),
  fc.record({ kind: fc.constant('other' as const), ethertype: fc.constantFrom(0x88cc, 0x0026, 0x8847) }),
);

const tag = fc.tuple(fc.constantFrom(0x8100, 0x8100, 0x88a8, 0x9100), fc.constantFrom(1, 100, 4095));

/** Frames with all that they were sent with. */
export const wholeFrame: fc.Arbitrary<Frame> = fc.record({
  tags: fc.oneof(fc.constant([]), fc.array(tag, { maxLength: 2 }), fc.array(tag, { maxLength: 3 })),
  body,
});

/** Frames of which not all was captured: at least Ethernet's header with two tags. */
export const cutFrame: fc.Arbitrary<Frame> = fc
  .tuple(wholeFrame, fc.integer({ min: 22, max: 80 }))
  .map(([frame, captured]) => ({ ...frame, captured }));

/** A frame's bytes, all of them. */
export function frameBytes({ tags, body: inside }: Frame): Uint8Array {
  const ethernet = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
  for (const [type, vlan] of tags) ethernet.push(...u16(type), ...u16(vlan));
  return Uint8Array.from([...ethernet, ...u16(ethertypeOf(inside)), ...bodyBytes(inside)]);
}

function ethertypeOf(inside: Body): number {
  if (inside.kind === 'ipv4') return 0x0800;
  if (inside.kind === 'ipv6') return 0x86dd;
  if (inside.kind === 'arp') return inside.reverse ? 0x8035 : 0x0806;
  return inside.ethertype;
}

function bodyBytes(inside: Body): readonly number[] {
  if (inside.kind === 'arp') {
    const head = [0, 1, 8, 0, 6, 4, 0, inside.reverse ? 3 : 1];
    return [...head, ...zeros(6), ...inside.sender, ...zeros(6), ...inside.target, ...zeros(40)];
  }
  if (inside.kind === 'other') return Array.from({ length: 60 }, (_, index) => index);
  // Ports, then zeros: as good as any transport header for a filter that does not look further.
  const payload = [...u16(inside.ports[0]), ...u16(inside.ports[1]), ...zeros(36)];
  if (inside.kind === 'ipv4') {
    const options = zeros(inside.option_words * 4);
    const length = 20 + options.length + payload.length;
    const fixed = [
      0x45 + inside.option_words,
      0,
      ...u16(length),
      0,
      1,
      ...u16(inside.fragment_offset),
      64,
      inside.protocol,
      0,
      0,
    ];
    return [...fixed, ...inside.source, ...inside.destination, ...options, ...payload];
  }
  const chain = [...inside.extensions, inside.protocol];
  const extensions = inside.extensions.flatMap((header, index) => {
    const next = chain[index + 1] ?? 59;
    if (header === 44) return [next, 0, ...u16(inside.fragment_offset << 3), 0, 0, 0, 1];
    return [next, inside.extension_units, ...zeros(6 + 8 * inside.extension_units)];
  });
  const length = extensions.length + payload.length;
  const fixed = [0x60, 0, 0, 0, ...u16(length), chain[0] ?? 59, 64];
  return [...fixed, ...inside.source, ...inside.destination, ...extensions, ...payload];
}

function u16(value: number): readonly number[] {
  return [value >> 8, value & 0xff];
}

function zeros(count: number): readonly number[] {
  return Array.from({ length: count }, () => 0);
}

/** Puts frames into pcap records with nanosecond times, one second apart, little-endian. */
export function recordsOf(frames: readonly Frame[]): Uint8Array {
  const pieces = frames.map((frame, index) => {
    const bytes = frameBytes(frame);
    return recordOf(bytes.subarray(0, frame.captured ?? bytes.length), bytes.length, index + 1);
  });
  return concat(pieces);
}

/** One pcap record, little-endian, its time that many seconds. */
export function recordOf(bytes: Uint8Array, wire_length: number, seconds: number): Uint8Array {
  const record = new Uint8Array(16 + bytes.length);
  const view = new DataView(record.buffer);
  view.setUint32(0, seconds, true);
  view.setUint32(4, 999_999_999, true);
  view.setUint32(8, bytes.length, true);
  view.setUint32(12, wire_length, true);
  record.set(bytes, 16);
  return record;
}

/** The packets of pcap records, in order. */
export function packetsOf(
  records: Uint8Array,
): readonly { readonly seconds: number; readonly bytes: Uint8Array; readonly wire_length: number }[] {
  const view = new DataView(records.buffer, records.byteOffset, records.length);
  const packets = [];
  for (let at = 0; at < records.length; ) {
    const captured = view.getUint32(at + 8, true);
    packets.push({
      seconds: view.getUint32(at, true),
      bytes: records.slice(at + 16, at + 16 + captured),
      wire_length: view.getUint32(at + 12, true),
    });
    at += 16 + captured;
  }
  return packets;
}

/** Bytes one behind the other. */
export function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.length;
  }
  return whole;
}
