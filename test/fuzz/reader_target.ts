import { readFileSync } from 'node:fs';
import { FaultError } from '../../src/model/errors/fault.ts';
import { toJsonText } from '../../src/model/json_text.ts';
import { createCaptureReader } from '../../src/pcap/capture_reader.ts';
import { createCaptureWriter } from '../../src/pcap/create_capture_writer.ts';
import { recordsOf } from '../../src/pcap/record_batch.ts';
import { protocolFrames } from '../fixtures/protocol_frames.ts';
import { buildBlock, buildPcap, cutAt } from '../support/packet_samples.ts';
import { corpus } from '../support/packet_tools.ts';
import { batchOfPackets } from '../support/read_packets.ts';
import type { FuzzRandom } from './fuzz_random.ts';
import { mutateBytes } from './mutate_bytes.ts';

const length_max = 20_000;
/** All that a damaged file may be called. */
const faults: readonly string[] = ['pcap_magic', 'pcap_malformed', 'pcap_truncated'];

/**
 * The readers of pcap and pcapng: of any bytes they give packets that lie within them, or end with a fault of their own; and
 * the same packets and the same fault however the file is cut into pieces, and whatever lies around it.
 */
export function readerTarget(): (random: FuzzRandom) => void {
  const files = [...ownFiles(), ...corpus().map((path) => Uint8Array.from(readFileSync(path)))];
  return (random) => {
    const file = mutateBytes(random, random.pick(files).slice(0, length_max), random.pick(files), length_max);
    const strict = random.once(3);
    const options = { strict, batch_records: 1 + random.below(8) };
    const alone = read([file], options);
    const cuts = Array.from({ length: random.below(12) }, () => random.below(file.length + 1));
    const inPieces = read(cutAt(file, cuts), options);
    if (inPieces !== alone) throw new Error(`cut at ${cuts.join()}: ${inPieces}, whole: ${alone}, ${describe(file)}`);
    for (const guard of [0x00, 0x0a, 0xff]) {
      const around = new Uint8Array(file.length + 96).fill(guard);
      around.set(file, 16);
      const there = read([around.subarray(16, 16 + file.length)], options);
      if (there !== alone) throw new Error(`among ${guard}: ${there}, alone: ${alone}, ${describe(file)}`);
    }
  };
}

/** Everything that a reader says, as text. */
function read(pieces: readonly Uint8Array[], options: { strict: boolean; batch_records: number }): string {
  const reader = createCaptureReader(options);
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const told: string[] = [];
  let packets = 0;
  try {
    for (const piece of pieces) {
      for (const batch of reader.push(piece)) {
        if (batch.count < 1 || batch.count > options.batch_records) throw new Error(`a batch of ${batch.count}`);
        packets += batch.count;
        // A packet has a header of its own: no bytes make endless packets.
        if (packets * 16 > total) throw new Error(`${packets} packets of ${total} bytes`);
        for (const { seconds, nanos, original_length, interface: of, data } of recordsOf(batch)) {
          if (data.length > total || nanos > 999_999_999 || of >= reader.interfaces.length) {
            throw new Error(`a packet that cannot be: ${seconds}.${nanos}, ${data.length} bytes, interface ${of}`);
          }
          told.push(`${seconds}.${nanos} ${original_length} ${of} ${Buffer.from(data).toString('latin1')}`);
        }
      }
    }
    reader.end();
  } catch (error) {
    if (!(error instanceof FaultError) || !error.faults.every(({ name }) => faults.includes(name))) throw error;
    told.push(error.message);
  }
  if (reader.whole_bytes > total) throw new Error(`${reader.whole_bytes} whole bytes of ${total}`);
  return [...told, toJsonText(reader.interfaces), reader.whole_bytes].join('\n');
}

/** Files of every form, with little in each so that a change hits a header. */
function ownFiles(): readonly Uint8Array[] {
  const packets = protocolFrames()
    .slice(0, 40)
    .filter((_, index) => index % 6 === 0)
    .map(({ bytes }, index) => ({
      time: 1_769_846_400_999_999_998n + BigInt(index),
      original: bytes.length + index,
      data: bytes.slice(0, 90),
    }));
  const classic = [false, true].flatMap((big_endian) =>
    [false, true].map((micro) => Uint8Array.from(buildPcap(packets, { big_endian, micro }))),
  );
  const described = { linktype: 1, snaplen: 160, name: 'eth0', description: 'one', filter: 'ip', comment: 'two' };
  const writer = createCaptureWriter({
    format: 'pcapng',
    application: 'fuzz',
    interfaces: [described, { linktype: 101, snaplen: 0 }],
    comment: 'three',
  });
  const batch = batchOfPackets(packets);
  for (let index = 0; index < batch.count; index++) writer.append(batch, index, index % 2);
  const ours = Uint8Array.from(Buffer.concat([...writer.ready(), ...writer.finish()]));
  return [...classic, ours, ...[false, true].map(oldBlocks)];
}

/** A pcapng file of the kinds of blocks that ours has none of: simple and obsolete packets, a clock of powers of two, an offset. */
function oldBlocks(big_endian: boolean): Uint8Array {
  const words = (...values: readonly number[]): Buffer => {
    const bytes = Buffer.alloc(4 * values.length);
    for (const [index, value] of values.entries()) {
      if (big_endian) bytes.writeUInt32BE(value, 4 * index);
      else bytes.writeUInt32LE(value, 4 * index);
    }
    return bytes;
  };
  const halves = (one: number, other: number): Buffer =>
    words(big_endian ? one * 65_536 + other : other * 65_536 + one);
  const data = Buffer.alloc(20, 0x45);
  const resolution = Buffer.concat([halves(9, 1), Buffer.of(0x94, 0, 0, 0)]);
  const offset = Buffer.concat([halves(14, 8), words(0, 7)]);
  const blocks: readonly (readonly [number, Buffer])[] = [
    [0x0a0d_0d0a, Buffer.concat([words(0x1a2b_3c4d), halves(1, 0), words(0xffff_ffff, 0xffff_ffff)])],
    [1, Buffer.concat([halves(1, 0), words(64), resolution, offset, words(0)])],
    [3, Buffer.concat([words(20), data])],
    [2, Buffer.concat([halves(0, 0), words(1, 2, 20, 20), data])],
    [6, Buffer.concat([words(0, 1, 2, 20, 30), data, words(0)])],
    [5, words(0, 1, 2)],
    [0x0bad, words(1)],
  ];
  return Uint8Array.from(Buffer.concat(blocks.map(([type, body]) => buildBlock(type, body, big_endian))));
}

function describe(file: Uint8Array): string {
  return `in ${file.length} bytes: ${Buffer.from(file).toString('hex')}`;
}
