import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildPcap, type SamplePacket } from '../../test/support/packet_samples.ts';
import { newPartFile } from './new_part_file.ts';
import { OrderedReader } from './ordered_reader.ts';
import type { SummedFile } from './read_summed.ts';

const piece_bytes = 5_242_880;
const begin = 1_700_000_000_000_000_000n;
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'edgetap-ordered-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function partOf(packets: readonly SamplePacket[]): Promise<SummedFile> {
  const path = join(directory, 'eth0.pcap');
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    yield buildPcap([...packets]);
  };
  const { file_bytes, points } = await newPartFile(path, piece_bytes, chunks());
  return { path, file_bytes, points, piece_bytes };
}

function ordered(packets: readonly SamplePacket[]): Buffer {
  const stable = packets
    .map((packet, index) => ({ packet, index }))
    .toSorted((one, other) =>
      one.packet.time === other.packet.time ? one.index - other.index : one.packet.time < other.packet.time ? -1 : 1,
    );
  return Buffer.from(buildPcap(stable.map(({ packet }) => packet)));
}

const anyPacket = fc
  .record({ time: fc.oneof(fc.nat(20), fc.nat(3_000_000_000)), length: fc.nat(300), fill: fc.nat(255) })
  .map(
    ({ time, length, fill }): SamplePacket => ({
      time: begin + BigInt(time),
      original: length,
      data: new Uint8Array(length).fill(fill),
    }),
  );

test('it reads what a stable sort would give, wherever and in whatever order it is read', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyPacket, { maxLength: 200 }),
      fc.integer({ min: 1, max: 4000 }),
      fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 5000 })), {
        maxLength: 20,
      }),
      async (packets, window_bytes, reads) => {
        const from = await partOf(packets);
        const expected = ordered(packets);
        const reader = await OrderedReader.open(from, window_bytes);
        try {
          const look = async (position: number, length: number): Promise<void> => {
            const buffer = Buffer.alloc(length);
            const { bytesRead } = await reader.read(buffer, 0, length, position);
            expect(buffer.subarray(0, bytesRead)).toEqual(expected.subarray(position, position + bytesRead));
            if (position < expected.length) expect(bytesRead).toBeGreaterThan(0);
            else expect(bytesRead).toBe(0);
          };
          await Promise.all(
            reads.map(async ([share, length]) => await look(Math.floor(share * expected.length), length)),
          );
          for (let position = 0; position < expected.length; position += 97) await look(position, 97);
          await look(expected.length, 10);
          // What it was is known as if it had been written.
          const whole = await newPartFile(
            join(directory, 'other'),
            piece_bytes,
            (async function* () {
              yield expected;
            })(),
          );
          expect(reader.points.at(-1)).toEqual(whole.points.at(-1));
        } finally {
          await reader.close();
        }
      },
    ),
    { numRuns: 100 },
  );
});

test('what has changed since it was written, or since it was first read, is damaged', async () => {
  const packets = Array.from({ length: 3000 }, (_, number): SamplePacket => {
    const time = begin + BigInt(3000 - number);
    return { time, original: 1000, data: new Uint8Array(1000).fill(number % 251) };
  });
  const from = await partOf(packets);
  const spoil = async (): Promise<void> => {
    const file = await open(from.path, 'r+');
    await file.write(Buffer.from([0x55, 0xaa]), 0, 2, 2_000_000);
    await file.close();
  };
  const reader = await OrderedReader.open(from, 100_000);
  await spoil();
  const buffer = Buffer.alloc(1 << 20);
  const readAll = async (): Promise<void> => {
    for (let position = 0; position < from.file_bytes; )
      position += (await reader.read(buffer, 0, buffer.length, position)).bytesRead;
  };
  await expect(readAll()).rejects.toMatchObject({ faults: [{ name: 'part_file_damaged' }] });
  await reader.close();
  await expect(OrderedReader.open(from)).rejects.toMatchObject({ faults: [{ name: 'part_file_damaged' }] });
  await expect(OrderedReader.open({ ...from, file_bytes: from.file_bytes - 10, points: [] })).rejects.toMatchObject({
    faults: [{ name: 'part_file_damaged' }],
  });
});
