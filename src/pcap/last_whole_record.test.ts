import { describe, expect, test } from 'vitest';

import { buildPcap, cutAt } from '../../test/support/packet_samples.ts';
import { batchOfPackets } from '../../test/support/read_packets.ts';
import { lastWholeRecord } from './last_whole_record.ts';
import { createPcapngWriter } from './pcapng_writer.ts';

const packets = [10, 0, 33].map((length, index) => ({
  time: 1_700_000_000_000_000_000n + BigInt(index),
  original: length + 1,
  data: new Uint8Array(length).fill(7),
}));
const pcap = buildPcap(packets);
const writer = createPcapngWriter({ application: 'edgetap', interfaces: [{ linktype: 1, snaplen: 0 }] });
for (const packet of packets) writer.append(batchOfPackets([packet]), 0, 0);
const pcapng = Buffer.concat(writer.finish());

/** The good part of bytes: the same whatever the pieces. */
function wholePart(file: Uint8Array): ReturnType<typeof lastWholeRecord> {
  const found = lastWholeRecord([file]);
  for (const cuts of [[...file.keys()], [20, 40, 41], [60, 100]]) {
    expect(lastWholeRecord(cutAt(file, cuts))).toEqual(found);
  }
  return found;
}

test('a torn pcap file is cut after its last whole record, wherever it is torn', () => {
  const ends = [24, 50, 66, 115];
  expect(pcap).toHaveLength(115);
  for (let length = 0; length <= pcap.length; length++) {
    const end = ends.findLast((end) => end <= length) ?? 0;
    const count = Math.max(0, ends.indexOf(end));
    expect([length, wholePart(pcap.subarray(0, length))]).toEqual([
      length,
      { whole_bytes: end, packets: count, captured_bytes: [0, 10, 10, 43][count], ascending: true },
    ]);
  }
});

test('a torn pcapng file is cut after its last whole block', () => {
  const ends = [pcapng.length, pcapng.length - 68, pcapng.length - 68 - 32, pcapng.length - 68 - 32 - 44];
  for (const [missing, end] of ends.entries()) {
    const torn = wholePart(pcapng.subarray(0, Math.min(end + 7, pcapng.length)));
    expect(torn).toMatchObject({ whole_bytes: end, packets: 3 - missing });
    expect(torn.damage).toBeUndefined();
  }
});

describe('after the good part', () => {
  const record = (seconds: number, nanos: number, captured: number, original: number): Buffer => {
    const bytes = Buffer.alloc(16 + captured, 1);
    for (const [index, value] of [seconds, nanos, captured, original].entries()) bytes.writeUInt32LE(value, 4 * index);
    return bytes;
  };
  test.each<[string, Buffer, Buffer, string]>([
    ['zeros', pcap, Buffer.alloc(4096), 'a record header of zeros'],
    ['zeros in pcapng', pcapng, Buffer.alloc(4096), 'a block of 0 bytes'],
    ['a fraction of more than a second', pcap, record(5, 1_000_000_000, 1, 1), 'a time of 5 s and 1000000000 parts'],
    ['more captured than there was', pcap, record(5, 5, 3, 2), 'a packet with 3 of 2 bytes captured'],
    ['noise', pcap, Buffer.alloc(64, 0xfe), 'a packet of 4278124286 captured bytes, more than 262144'],
    [
      'a good record behind the damage',
      pcap,
      Buffer.concat([Buffer.alloc(16), pcap.subarray(24)]),
      'a record header of zeros',
    ],
  ])('%s', (_, good, tail, damage) => {
    const { damage: found, ...rest } = wholePart(Buffer.concat([good, tail]));
    expect(rest).toEqual({ whole_bytes: good.length, packets: 3, captured_bytes: 43, ascending: true });
    expect(found).toContain(damage);
    expect(found).toContain(`at byte ${good.length}`);
  });

  test('a packet of no bytes at the first moment of 1970 is not confused with zeros where it had a length', () => {
    expect(wholePart(Buffer.concat([pcap, record(0, 0, 0, 60)])).packets).toBe(4);
  });
});

test('what is no capture file has no good part', () => {
  expect(wholePart(Buffer.from('hello, world'))).toMatchObject({
    whole_bytes: 0,
    damage: expect.stringContaining('0x68656c6c'),
  });
  expect(lastWholeRecord([])).toEqual({ whole_bytes: 0, packets: 0, captured_bytes: 0, ascending: true });
});

function* failing(): Generator<Uint8Array> {
  yield pcap;
  throw new Error('EIO');
}

test('an error of the source is not taken for damage', () => {
  expect(() => lastWholeRecord(failing())).toThrow('EIO');
});

test('tells whether the packets are in the order of their times', () => {
  const at = (...times: readonly bigint[]): Buffer =>
    buildPcap(times.map((time) => ({ time: 1_700_000_000_000_000_000n + time, original: 4, data: new Uint8Array(4) })));
  const second = 1_000_000_000n;
  expect(wholePart(at(1n, 1n, 2n, second)).ascending).toBe(true);
  expect(wholePart(at(1n, 2n, 1n)).ascending).toBe(false);
  expect(wholePart(at(second, 999_999_999n, second)).ascending).toBe(false);
  expect(wholePart(at()).ascending).toBe(true);
  // What is cut off does not count.
  expect(wholePart(at(2n, 1n).subarray(0, 50)).ascending).toBe(true);
});
