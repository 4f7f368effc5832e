import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { buildBlock, cutAt } from '../../test/support/packet_samples.ts';
import { runClean, runs, scratchFolder } from '../../test/support/packet_tools.ts';
import { readPackets } from '../../test/support/read_packets.ts';
import { FaultError } from '../model/errors/fault.ts';

const scratch = scratchFolder();

/** 32-bit and 16-bit words, text and bytes in one byte order. */
const fields = (big: boolean) => {
  const u32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    if (big) bytes.writeUInt32BE(value >>> 0);
    else bytes.writeUInt32LE(value >>> 0);
    return bytes;
  };
  const u16 = (value: number): Buffer =>
    big ? Buffer.of(value >> 8, value & 255) : Buffer.of(value & 255, value >> 8);
  const option = (code: number, value: Uint8Array): Buffer =>
    Buffer.concat([u16(code), u16(value.length), value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
  const time = (ticks: bigint): Buffer =>
    Buffer.concat([u32(Number((ticks >> 32n) & 0xffffffffn)), u32(Number(ticks & 0xffffffffn))]);
  return {
    u32,
    u16,
    option,
    section: (major = 1) =>
      buildBlock(0x0a0d0d0a, Buffer.concat([u32(0x1a2b3c4d), u16(major), u16(0), u32(-1), u32(-1)]), big),
    interface: (linktype: number, snaplen: number, ...options: Buffer[]) =>
      buildBlock(1, Buffer.concat([u16(linktype), u16(0), u32(snaplen), ...options]), big),
    enhanced: (number: number, ticks: bigint, data: Uint8Array, original = data.length, ...options: Buffer[]) => {
      const padding = Buffer.alloc((4 - (data.length % 4)) % 4);
      return buildBlock(
        6,
        Buffer.concat([u32(number), time(ticks), u32(data.length), u32(original), data, padding, ...options]),
        big,
      );
    },
    old: (number: number, ticks: bigint, data: Uint8Array) =>
      buildBlock(2, Buffer.concat([u16(number), u16(7), time(ticks), u32(data.length), u32(data.length), data]), big),
    simple: (original: number, data: Uint8Array) => buildBlock(3, Buffer.concat([u32(original), data]), big),
    other: (type: number, length: number) => buildBlock(type, Buffer.alloc(length, 0xee), big),
  };
};
const little = fields(false);
const data = Uint8Array.of(1, 2, 3, 4, 5);
const nanosecond = little.option(9, Uint8Array.of(9));

describe('a whole file', () => {
  const big = fields(true);
  const i64 = Buffer.alloc(8);
  i64.writeBigInt64BE(-100n);
  const file = Buffer.concat([
    little.section(),
    little.interface(
      1,
      65_535,
      little.option(2, Buffer.from('eth0')),
      little.option(3, Buffer.from('uplink ⇧')),
      nanosecond,
    ),
    buildBlock(4, new Uint8Array(4)),
    little.enhanced(0, 1_700_000_000_123_456_789n, data, 60, little.option(1, Buffer.from('note'))),
    little.other(0x4bad0000, 3_000),
    little.other(0x4bad0001, 0),
    little.interface(101, 0, little.option(11, Buffer.from('\0tcp port 80')), little.option(0, Buffer.alloc(0))),
    little.old(1, 1_700_000_001_000_002n, data),
    buildBlock(5, new Uint8Array(12)),
    big.section(),
    big.interface(113, 3, big.option(14, i64), big.option(9, Uint8Array.of(3))),
    big.enhanced(0, 1_000_500n, data.subarray(0, 4)),
    big.simple(9, data.subarray(0, 3)),
    little.section(),
    little.interface(276, 0),
    little.simple(4, data.subarray(0, 4)),
  ]);

  test('is read through, however it is cut into pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 40 }), fc.integer({ min: 1, max: 4 }), (cuts, batch_records) => {
        const { reader, packets, interfaces, error } = readPackets(cutAt(file, cuts), { batch_records });
        expect(error).toBeUndefined();
        expect(packets).toEqual([
          { time: 1_700_000_000_123_456_789n, original: 60, data },
          { time: 1_700_000_001_000_002_000n, original: 5, data },
          { time: 900_500_000_000n, original: 4, data: data.slice(0, 4) },
          { time: 0n, original: 9, data: data.slice(0, 3) },
          { time: 0n, original: 4, data: data.slice(0, 4) },
        ]);
        expect(interfaces).toEqual([0, 1, 2, 2, 3]);
        expect(reader.interfaces).toMatchObject([
          { linktype: 1, snaplen: 65_535, name: 'eth0', description: 'uplink ⇧' },
          { linktype: 101, snaplen: 0, filter: 'tcp port 80' },
          { linktype: 113, snaplen: 3 },
          { linktype: 276, snaplen: 0 },
        ]);
        expect(reader.whole_bytes).toBe(file.length);
      }),
      { numRuns: runs(200) },
    );
  });

  test('one byte at a time is the same', () => {
    expect(readPackets(cutAt(file, [...file.keys()])).packets).toHaveLength(5);
  });

  test('reads the same in tshark', () => {
    const path = scratch('whole.pcapng', file);
    const output = runClean('tshark', ['-n', '-r', path, '-T', 'fields', '-e', 'frame.cap_len', '-e', 'frame.len']);
    expect(output.trim().split('\n')).toEqual(['5\t60', '5\t5', '4\t4', '3\t9', '4\t4']);
  });

  test('every torn length is cut at the end of a block', () => {
    const ends = [0];
    for (let at = 0, order = false; at < file.length; ) {
      if (file.readUInt32LE(at) === 0x0a0d0d0a) order = file.readUInt32BE(at + 8) === 0x1a2b3c4d;
      at += order ? file.readUInt32BE(at + 4) : file.readUInt32LE(at + 4);
      ends.push(at);
    }
    for (let length = 0; length <= file.length; length++) {
      const { reader, error } = readPackets([file.subarray(0, length)]);
      expect(reader.whole_bytes).toBe(ends.findLast((end) => end <= length));
      expect(error === undefined).toBe(length > 0 && ends.includes(length));
    }
  });
});

test('every resolution of time is read, to the nanosecond', () => {
  const ticks = fc.bigInt(0n, 2n ** 64n - 1n);
  const resolution = fc.oneof(
    fc.nat(19),
    fc.nat(63).map((power) => power | 0x80),
  );
  const offset = fc.bigInt(-(2n ** 40n), 2n ** 40n);
  fc.assert(
    fc.property(ticks, resolution, offset, (count, code, seconds) => {
      const unit = code & 0x80 ? 1n << BigInt(code & 0x7f) : 10n ** BigInt(code);
      const i64 = Buffer.alloc(8);
      i64.writeBigInt64LE(seconds);
      const file = Buffer.concat([
        little.section(),
        little.interface(1, 0, little.option(9, Uint8Array.of(code)), little.option(14, i64)),
        little.enhanced(0, count, data),
      ]);
      const { packets, error } = readPackets([file]);
      const whole = count / unit + seconds;
      if (whole > BigInt(Number.MAX_SAFE_INTEGER)) expect(String(error)).toContain('a time that no clock shows');
      else expect(packets[0]?.time).toBe(whole * 1_000_000_000n + ((count % unit) * 1_000_000_000n) / unit);
    }),
    { numRuns: runs(2000) },
  );
});

test('a block to be skipped may have any length and costs no memory', () => {
  const length = 200_000_000;
  const head = Buffer.concat([little.section(), little.u32(0xbad), little.u32(length)]);
  const piece = new Uint8Array(1_000_000);
  const chunks = [head, ...Array.from({ length: 199 }, () => piece), piece.subarray(12), little.u32(length)];
  const { reader, error } = readPackets(chunks);
  expect(error).toBeUndefined();
  expect(reader.whole_bytes).toBe(28 + length);
});

describe('damage', () => {
  const start = [little.section(), little.interface(1, 0)];
  const good = little.enhanced(0, 5n, data);
  const patched = (block: Buffer, at: number, value: number): Buffer => {
    const copy = Buffer.from(block);
    copy.writeUInt32LE(value, at);
    return copy;
  };
  test.each<[string, Buffer, string]>([
    ['a length below a block', patched(little.other(9, 4), 4, 8), 'a block of 8 bytes'],
    ['a length of zero', Buffer.alloc(64), 'a block of 0 bytes'],
    ['a crooked length', patched(little.other(9, 4), 4, 18), 'a block of 18 bytes'],
    ['a packet block without room for its fields', little.other(6, 4), 'a block of 16 bytes'],
    ['a packet block of 2 GB', patched(good, 4, 0x80000000), 'a block of 2147483648 bytes'],
    ['two lengths that differ', patched(good, good.length - 4, 99), 'a block whose two lengths differ'],
    ['two lengths that differ, skipped', patched(little.other(9, 40), 48, 99), 'a block whose two lengths differ'],
    ['a packet longer than its block', patched(good, 20, 9), 'a packet of 9 captured bytes in a block of 40'],
    ['a simple packet longer than its block', little.simple(9, data), 'a packet of 9 captured bytes in a block of 24'],
    ['an old packet longer than its block', patched(little.old(0, 1n, data), 20, 9), 'a packet of 9 captured bytes'],
    [
      'a packet longer than the bound',
      patched(good, 20, 262_145),
      'a packet of 262145 captured bytes, more than 262144',
    ],
    ['a simple packet beyond the bound', little.simple(262_145, data), 'a packet of 262145 captured bytes, more'],
    [
      'an interface that is not described',
      little.enhanced(1, 5n, data),
      'a packet of interface 1, which is not described',
    ],
    ['no interface at all', Buffer.concat([little.section(), little.simple(1, data)]), 'a packet of interface 0'],
    ['an interface of the section before', Buffer.concat([little.section(), good]), 'a packet of interface 0'],
    ['a section of another version', little.section(2), 'version 2 of pcapng'],
    ['a section of no byte order', patched(little.section(), 8, 0x11223344), 'a byte order magic of 0x44332211'],
    [
      'an option longer than its block',
      patched(little.interface(1, 0, nanosecond), 16, 0x00ff0009),
      'an option longer',
    ],
    [
      'a resolution beyond 64 bits',
      little.interface(1, 0, little.option(9, Uint8Array.of(20))),
      'a time resolution of 20',
    ],
    [
      'a binary one beyond 64 bits',
      little.interface(1, 0, little.option(9, Uint8Array.of(0xc0))),
      'a time resolution of 192',
    ],
    ['an offset beyond all time', little.interface(1, 0, little.option(14, Buffer.alloc(8, 0x7f))), 'a time offset'],
  ])('%s', (_, bad, reason) => {
    const file = Buffer.concat([...start, good, bad, Buffer.alloc(64)]);
    for (const cuts of [[], [28, 60], [...file.keys()]]) {
      const { packets, error } = readPackets(cutAt(file, cuts));
      expect(packets).toHaveLength(1);
      expect(error).toBeInstanceOf(FaultError);
      expect(String(error)).toContain(reason);
    }
  });

  test('interfaces without end', () => {
    const file = Buffer.concat([little.section(), ...Array.from({ length: 1025 }, () => little.interface(1, 0))]);
    expect(String(readPackets([file]).error)).toContain('more than 1024 interfaces');
  });

  test('more captured than there was, where the reader is strict', () => {
    const file = Buffer.concat([...start, little.enhanced(0, 5n, data, 4)]);
    expect(readPackets([file]).packets).toHaveLength(1);
    expect(String(readPackets([file], { strict: true }).error)).toContain('a packet with 5 of 4 bytes captured');
  });
});
