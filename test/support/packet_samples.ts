import * as fc from 'fast-check';

/** A packet as the tests' own parsers and builders see it. */
export interface SamplePacket {
  /** Unix nanoseconds. */
  readonly time: bigint;
  readonly original: number;
  readonly data: Uint8Array;
}

/** Packets with few different times, so that ties are common; lengths from nothing on. */
export function samplePackets(most: number, times: fc.Arbitrary<bigint> = closeTimes): fc.Arbitrary<SamplePacket[]> {
  return fc.array(
    fc
      .tuple(times, fc.uint8Array({ maxLength: 40 }), fc.nat(5))
      .map(([time, data, cut]) => ({ time, data, original: data.length + cut })),
    { maxLength: most },
  );
}

const closeTimes: fc.Arbitrary<bigint> = fc
  .integer({ min: 0, max: 25 })
  .map((step) => 1_700_000_000_999_999_990n + BigInt(step));

/** All moments that a capture file can say. */
export const anyTime: fc.Arbitrary<bigint> = fc.bigInt(0n, 4_294_967_295_999_999_999n);

/** Packets in ascending time; the same time keeps its order. */
export function ascending(packets: readonly SamplePacket[]): SamplePacket[] {
  return packets.toSorted((one, other) => (one.time < other.time ? -1 : Number(one.time > other.time)));
}

/** Writes classic pcap in any of its four forms, field by field: the tests' own encoder. */
export function buildPcap(
  packets: readonly SamplePacket[],
  form: { linktype?: number; big_endian?: boolean; micro?: boolean; snaplen?: number } = {},
): Buffer {
  const big = form.big_endian === true;
  const words = (...values: number[]): Buffer => {
    const bytes = Buffer.alloc(4 * values.length);
    for (const [index, value] of values.entries()) {
      if (big) bytes.writeUInt32BE(value, 4 * index);
      else bytes.writeUInt32LE(value, 4 * index);
    }
    return bytes;
  };
  const unit = form.micro === true ? 1000n : 1n;
  const version = big ? 0x00020004 : 0x00040002;
  return Buffer.concat([
    words(form.micro === true ? 0xa1b2c3d4 : 0xa1b23c4d, version, 0, 0, form.snaplen ?? 262_144, form.linktype ?? 1),
    ...packets.flatMap(({ time, original, data }) => [
      words(Number(time / 1_000_000_000n), Number((time % 1_000_000_000n) / unit), data.length, original),
      Buffer.from(data),
    ]),
  ]);
}

/** Reads little-endian nanosecond pcap, record by record: the tests' own decoder. */
export function parsePcap(file: Uint8Array): { linktype: number; snaplen: number; packets: SamplePacket[] } {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.readUInt32LE(0) !== 0xa1b23c4d) throw new Error('not little-endian nanosecond pcap');
  const packets: SamplePacket[] = [];
  for (let at = 24; at < bytes.length; ) {
    const captured = bytes.readUInt32LE(at + 8);
    if (at + 16 + captured > bytes.length) throw new Error(`torn at ${at}`);
    packets.push({
      time: BigInt(bytes.readUInt32LE(at)) * 1_000_000_000n + BigInt(bytes.readUInt32LE(at + 4)),
      original: bytes.readUInt32LE(at + 12),
      data: Uint8Array.from(bytes.subarray(at + 16, at + 16 + captured)),
    });
    at += 16 + captured;
  }
  return { linktype: bytes.readUInt32LE(20), snaplen: bytes.readUInt32LE(16), packets };
}

/** A block of pcapng with any body, in either byte order: the tests' own encoder. */
export function buildBlock(type: number, body: Uint8Array, big_endian = false): Buffer {
  const length = 12 + ((body.length + 3) & ~3);
  const bytes = Buffer.alloc(length);
  const write = (value: number, at: number): number =>
    big_endian ? bytes.writeUInt32BE(value, at) : bytes.writeUInt32LE(value, at);
  write(type, 0);
  write(length, 4);
  bytes.set(body, 8);
  write(length, length - 4);
  return bytes;
}

/** Cuts bytes at the given places (any order, any number). */
export function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const cuts = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  return cuts.slice(1).map((end, index) => bytes.slice(cuts[index], end));
}
