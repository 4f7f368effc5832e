import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { anyTime, buildPcap, cutAt, parsePcap, samplePackets } from '../../test/support/packet_samples.ts';
import { corpus, runClean, runs, runTool } from '../../test/support/packet_tools.ts';
import { readPackets } from '../../test/support/read_packets.ts';
import { FaultError } from '../model/errors/fault.ts';
import { createCaptureReader } from './capture_reader.ts';

const faultNames = (error: unknown): readonly string[] =>
  error instanceof FaultError ? error.faults.map(({ name }) => name) : [`not a fault: ${String(error)}`];

const three = buildPcap([
  { time: 1n, original: 4, data: Uint8Array.of(1, 2, 3) },
  { time: 2n, original: 0, data: new Uint8Array(0) },
  { time: 3_000_000_004n, original: 2, data: Uint8Array.of(4, 5) },
]);

describe('classic pcap', () => {
  test('what was written is read, in every form and however the file is cut into pieces', () => {
    const form = fc.record({
      big_endian: fc.boolean(),
      micro: fc.boolean(),
      linktype: fc.nat(0xffff),
      snaplen: fc.nat(0xffffffff),
    });
    const places = fc.array(fc.nat(), { maxLength: 30 });
    fc.assert(
      fc.property(
        samplePackets(12, anyTime),
        form,
        places,
        fc.integer({ min: 1, max: 5 }),
        (packets, how, cuts, most) => {
          const file = buildPcap(packets, how);
          const { reader, packets: got, error } = readPackets(cutAt(file, cuts), { batch_records: most });
          expect(error).toBeUndefined();
          const unit = how.micro ? 1000n : 1n;
          expect(got).toEqual(packets.map((packet) => ({ ...packet, time: packet.time - (packet.time % unit) })));
          expect(reader.interfaces).toEqual([{ linktype: how.linktype, snaplen: how.snaplen }]);
          expect(reader.whole_bytes).toBe(file.length);
        },
      ),
      { numRuns: runs(300) },
    );
  });

  test('every length of a torn file gives its whole records and says where they end', () => {
    const ends = [24, 24 + 19, 24 + 19 + 16, three.length];
    for (let length = 0; length <= three.length; length++) {
      const { reader, packets, error } = readPackets([three.subarray(0, length)]);
      const whole = Math.max(0, ...ends.filter((end) => end <= length));
      expect([length, reader.whole_bytes, packets.length]).toEqual([length, whole, Math.max(0, ends.indexOf(whole))]);
      if (whole === length && length > 0) expect(error).toBeUndefined();
      else {
        expect(faultNames(error)).toEqual(['pcap_truncated']);
        expect(String(error)).toContain(`at byte ${whole}`);
      }
    }
  });

  test('a packet longer than the bound is damage; all before it is given first', () => {
    const file = Buffer.from(three);
    file.writeUInt32LE(262_145, 24 + 19 + 8);
    for (const cuts of [[], [30], [24 + 19 + 3], Array.from(file.keys())]) {
      const { packets, error, reader } = readPackets(cutAt(file, cuts));
      expect(packets).toHaveLength(1);
      expect(faultNames(error)).toEqual(['pcap_malformed']);
      expect(String(error)).toContain('at byte 43: a packet of 262145 captured bytes, more than 262144');
      expect(reader.whole_bytes).toBe(43);
    }
    expect(readPackets([three], { captured_max_bytes: 2 }).error).toBeInstanceOf(FaultError);
    expect(readPackets([three], { captured_max_bytes: 3 }).error).toBeUndefined();
  });

  test('frame check sequence bits beside the link type are left out', () => {
    const file = Buffer.from(three);
    file.writeUInt32LE(0x54000001, 20);
    expect(readPackets([file]).reader.interfaces[0]?.linktype).toBe(1);
  });

  test('a fraction of a second or more is carried over, as arithmetic has it', () => {
    const file = Buffer.from(three);
    file.writeUInt32LE(3_999_999_999, 28);
    expect(readPackets([file]).packets[0]?.time).toBe(3_999_999_999n);
    expect(readPackets([file], { strict: true }).packets).toEqual([]);
  });

  test.each([
    ['text', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n'), 'pcap_magic', '0x47455420'],
    ['another version', Buffer.from(three).fill(3, 4, 5), 'pcap_malformed', 'version 3.4'],
    ['nothing', Buffer.alloc(0), 'pcap_truncated', 'byte 0'],
    ['a magic number alone', three.subarray(0, 4), 'pcap_truncated', 'byte 0'],
  ])('%s is refused', (_, file, name, text) => {
    for (const cuts of [[], Array.from(file.keys())]) {
      const { error } = readPackets(cutAt(file, cuts));
      expect(faultNames(error)).toEqual([name]);
      expect(String(error)).toContain(text);
    }
  });
});

test('a piece must be read to its end before the next', () => {
  const reader = createCaptureReader({ batch_records: 1 });
  const batches = reader.push(three);
  batches.next();
  expect(() => reader.push(three)).toThrow('has not been read to its end');
});

test('hostile bytes give packets within the file, or a fault, and always an end', () => {
  const seeds = corpus()
    .map((path): Uint8Array => readFileSync(path))
    .filter((file) => file.length < 4096)
    .concat([three]);
  const change = fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constantFrom(0, 0xff, 0x80)));
  fc.assert(
    fc.property(
      fc.nat(),
      fc.array(change, { maxLength: 8 }),
      fc.array(fc.nat(), { maxLength: 4 }),
      (which, changes, cuts) => {
        const file = Uint8Array.from(seeds[which % seeds.length] ?? three);
        // Headers are where it hurts.
        for (const [at, value] of changes) file[at % Math.min(file.length, at % 3 === 0 ? file.length : 96)] = value;
        const { packets, error, reader } = readPackets(cutAt(file, cuts));
        if (error !== undefined) expect(error).toBeInstanceOf(FaultError);
        expect(packets.reduce((sum, { data }) => sum + data.length, 0)).toBeLessThanOrEqual(file.length);
        expect(reader.whole_bytes).toBeLessThanOrEqual(file.length);
        // The pieces make no difference, not even to an error.
        const whole = readPackets([file]);
        expect(packets).toEqual(whole.packets);
        expect(String(error)).toBe(String(whole.error));
      },
    ),
    { numRuns: runs(2000) },
  );
});

// Another project's files: used where they are, needed nowhere.
if (corpus().length > 0)
  describe('files of other projects', () => {
    test('in pcapng have the packets that tshark finds in them', () => {
      for (const path of corpus().filter((path) => path.endsWith('ng'))) {
        const { packets, error, reader } = readPackets(cutAt(readFileSync(path), [1, 20, 40, 41, 300, 1000]));
        expect([path, error]).toEqual([path, undefined]);
        const fields = ['frame.time_epoch', 'frame.cap_len', 'frame.len'].flatMap((field) => ['-e', field]);
        const output = runTool('tshark', ['-n', '-r', path, '-T', 'fields', ...fields]).stdout;
        const lines = output.toString().split('\n').filter(Boolean);
        expect(lines).toEqual(
          packets.map(({ time, data, original }) => {
            const epoch = `${time / 1_000_000_000n}.${String(time % 1_000_000_000n).padStart(9, '0')}`;
            return [epoch, data.length, original].join('\t');
          }),
        );
        expect(reader.interfaces).toHaveLength(1);
      }
    });

    test('have the bytes that tcpdump finds in them', () => {
      for (const path of corpus()) {
        const { packets, reader } = readPackets([readFileSync(path)]);
        // tcpdump cuts a packet at the file's snaplen.
        const snaplen = reader.interfaces[0]?.snaplen ?? 0;
        const { stdout } = runTool('tcpdump', ['-n', '-r', path, '--nano', '-w', '-']);
        const copy = readPackets([stdout]).packets;
        // And its copy has 32 bits for the seconds.
        const wrapped = (time: bigint): bigint => time % (1_000_000_000n << 32n);
        expect(copy).toEqual(
          packets.map(({ time, original, data }) => ({
            time: wrapped(time),
            original,
            data: data.slice(0, snaplen || undefined),
          })),
        );
      }
    });

    test('count as capinfos counts', () => {
      const lines = runClean('capinfos', ['-TrmMcd', ...corpus()])
        .trim()
        .split('\n');
      const ours = corpus().map((path) => {
        const { packets } = readPackets([readFileSync(path)]);
        return [path, packets.length, packets.reduce((sum, { original }) => sum + original, 0)].join(',');
      });
      expect(lines).toEqual(ours);
    });
  });

test('the oracle of these tests reads what it writes', () => {
  expect(parsePcap(three).packets.map(({ time }) => time)).toEqual([1n, 2n, 3_000_000_004n]);
});
