import * as fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { runBpf } from '../../test/support/bpf_machine.ts';
import { FaultError } from '../model/errors/fault.ts';
import { openMatcher } from './match_records.ts';
import { accept, ancillary, encodeInstructions, type Program } from './program.ts';

function programOf(...instructions: Parameters<typeof encodeInstructions>[0]): Program {
  return { linktype: 1, instructions: encodeInstructions(instructions) };
}

/** Accepts packets whose first byte is odd. */
const odd = programOf(
  { code: 0x30, jt: 0, jf: 0, k: 0 },
  { code: 0x45, jt: 0, jf: 1, k: 1 },
  accept(262_144),
  accept(0),
);

interface Packet {
  readonly seconds: number;
  readonly nanos: number;
  readonly wire_length: number;
  readonly bytes: Uint8Array;
}

function recordsOf(packets: readonly Packet[]): Uint8Array {
  const whole = new Uint8Array(packets.reduce((sum, packet) => sum + 16 + packet.bytes.length, 0));
  const view = new DataView(whole.buffer);
  let at = 0;
  for (const packet of packets) {
    view.setUint32(at, packet.seconds, true);
    view.setUint32(at + 4, packet.nanos, true);
    view.setUint32(at + 8, packet.bytes.length, true);
    view.setUint32(at + 12, packet.wire_length, true);
    whole.set(packet.bytes, at + 16);
    at += 16 + packet.bytes.length;
  }
  return whole;
}

const packet: fc.Arbitrary<Packet> = fc.record({
  seconds: fc.integer({ min: 0, max: 0xffff_ffff }),
  nanos: fc.integer({ min: 0, max: 999_999_999 }),
  wire_length: fc.integer({ min: 0, max: 0x7fff_ffff }),
  bytes: fc.uint8Array({ maxLength: 300 }),
});

describe('a matcher', () => {
  const matcher = openMatcher(odd);
  afterAll(() => matcher.close());

  test('keeps the records that match, byte by byte and in order', () => {
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 50 }), (packets) => {
        const wanted = packets.filter((one) => runBpf(odd.instructions, one) !== 0);
        expect(matcher.match(recordsOf(packets))).toEqual(recordsOf(wanted));
      }),
      { numRuns: 300 },
    );
  });

  test('gives back all of what is as long as its memory, and grows', () => {
    for (const count of [10, 30_000, 100, 60_000]) {
      const records = recordsOf(
        Array.from({ length: count }, (_, index) => ({
          seconds: index,
          nanos: 1,
          wire_length: 9,
          bytes: Uint8Array.of(1, 2, 3),
        })),
      );
      expect(Buffer.compare(matcher.match(records), records)).toBe(0);
      // The same memory, filled to the last byte with what was rejected.
      const rejected = records.map((byte, index) => (index % 19 === 16 ? 2 : byte));
      expect(matcher.match(rejected)).toHaveLength(0);
    }
  });

  test('takes packets as long as any, and none', () => {
    const long = { seconds: 1, nanos: 2, wire_length: 300_000, bytes: new Uint8Array(262_144).fill(1) };
    expect(Buffer.compare(matcher.match(recordsOf([long, long])), recordsOf([long, long]))).toBe(0);
    expect(matcher.match(new Uint8Array(0))).toHaveLength(0);
    expect(matcher.match(recordsOf([{ ...long, bytes: new Uint8Array(0) }]))).toHaveLength(0);
  });

  test('refuses half a record, and goes on', () => {
    const records = recordsOf([{ seconds: 1, nanos: 2, wire_length: 3, bytes: Uint8Array.of(1, 2, 3) }]);
    for (const length of [1, 15, 16, 18]) {
      expect(() => matcher.match(records.subarray(0, length))).toThrow(FaultError);
      expect(() => matcher.match(records.subarray(0, length))).toThrow('ends in the middle of a record');
    }
    expect(matcher.match(records)).toEqual(records);
  });
});

test('a record that libpcap calls bogus is a fault', () => {
  const matcher = openMatcher(odd);
  const bytes = new Uint8Array(300_000).fill(1);
  expect(() => matcher.match(recordsOf([{ seconds: 1, nanos: 2, wire_length: 3, bytes }]))).toThrow(
    'pcap_dispatch failed',
  );
  matcher.close();
});

test('every record with a program that accepts all', () => {
  const matcher = openMatcher(programOf(accept(1)));
  const records = recordsOf([{ seconds: 1, nanos: 2, wire_length: 3, bytes: Uint8Array.of(4, 5, 6) }]);
  expect(matcher.match(records)).toEqual(records);
  matcher.close();
  matcher.close();
  expect(() => matcher.match(records)).toThrow('the matcher is closed');
});

test('a program that is none is refused', () => {
  const matcher = openMatcher(programOf({ code: 0x05, jt: 0, jf: 0, k: 100 }));
  const records = recordsOf([{ seconds: 1, nanos: 2, wire_length: 3, bytes: Uint8Array.of(4) }]);
  expect(() => matcher.match(records)).toThrow('pcap_setfilter failed');
  matcher.close();
});

test('a program of a live capture is refused', () => {
  const live = programOf({ code: 0x20, jt: 0, jf: 0, k: ancillary.packet_type }, accept(1));
  expect(() => openMatcher(live)).toThrow('live capture');
});

test('matchers do not disturb each other', () => {
  const [all, some] = [openMatcher(programOf(accept(1))), openMatcher(odd)];
  const records = (first: number): Uint8Array =>
    recordsOf([{ seconds: 1, nanos: 2, wire_length: 3, bytes: Uint8Array.of(first, 5) }]);
  const kept = all.match(records(2));
  expect(some.match(records(3))).toEqual(records(3));
  expect(kept).toEqual(records(2));
  all.close();
  expect(some.match(records(2))).toHaveLength(0);
  some.close();
});
