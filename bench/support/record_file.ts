import { closeSync, openSync, writeSync } from 'node:fs';
import { matchHeader } from '../../src/libpcap/match_header.ts';

/** Size of every record: its header and 160 bytes of a longer packet. */
export const record_bytes = 176;
const captured_bytes = 160;

/** Records after which the file repeats itself: more than any cache holds. */
const distinct = 250_000;

/** Addresses and ports of the packet of some record: what an exact filter asks for. */
export const sampleFlow = {
  source: '10.0.48.57',
  destination: '192.0.3.22',
  source_port: 47_281,
  destination_port: 443,
} as const;

/**
 * Writes a capture file of TCP and UDP packets between 65,536 hosts and 1,024 others, a quarter of those in 192.0.2.0/24, a fifth of
 * the packets to port 443. The same every time. The number of records is rounded up to whole rounds.
 */
export function writeRecordFile(path: string, records: number): number {
  const round = recordRound();
  const rounds = Math.ceil(records / distinct);
  const file = openSync(path, 'wx');
  try {
    writeSync(file, matchHeader(1));
    for (let written = 0; written < rounds; written += 1) writeSync(file, round);
  } finally {
    closeSync(file);
  }
  return rounds * distinct;
}

function recordRound(): Buffer {
  const bytes = Buffer.alloc(distinct * record_bytes);
  const next = numbers();
  for (let index = 0; index < distinct; index += 1) {
    const flow =
      index === distinct >> 1
        ? sampleFlow
        : {
            source: `10.0.${next() & 0xff}.${next() & 0xff}`,
            destination: `192.0.${2 + (next() & 3)}.${next() & 0xff}`,
            source_port: 1024 + (next() % 64_000),
            destination_port: [443, 80, 53, 22, 8080][next() % 5] ?? 0,
          };
    writeRecord(bytes.subarray(index * record_bytes), index, flow, next);
  }
  return bytes;
}

interface Flow {
  readonly source: string;
  readonly destination: string;
  readonly source_port: number;
  readonly destination_port: number;
}

function writeRecord(record: Buffer, index: number, flow: Flow, next: () => number): void {
  const original = captured_bytes + (next() % 1340);
  for (const [at, word] of [
    1_700_000_000 + (index >> 10),
    (index & 1023) * 900_000,
    captured_bytes,
    original,
  ].entries()) {
    record.writeUInt32LE(word, at * 4);
  }
  const frame = record.subarray(16);
  frame.writeUInt16BE(0x0800, 12);
  const ip = frame.subarray(14);
  ip[0] = 0x45;
  ip.writeUInt16BE(original - 14, 2);
  ip[8] = 64;
  ip[9] = flow === sampleFlow || next() % 4 > 0 ? 6 : 17;
  for (const [at, address] of [flow.source, flow.destination].entries())
    ip.set(address.split('.').map(Number), 12 + at * 4);
  const transport = ip.subarray(20);
  transport.writeUInt16BE(flow.source_port, 0);
  transport.writeUInt16BE(flow.destination_port, 2);
  transport[12] = 0x50;
  // One in eight begins a connection.
  transport[13] = next() % 8 === 0 ? 0x02 : 0x10;
}

/** Numbers of 16 bits in no order, the same every time (a linear congruence). */
function numbers(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 16;
  };
}
