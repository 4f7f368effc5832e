import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32 } from 'node:zlib';
import { buildPcap, samplePackets } from '../../../test/support/packet_samples.ts';
import { SumBuilder } from './sum_builder.ts';
import { SumCheck } from './sum_check.ts';
import { createSumsFile, readSums } from './sums_file.ts';

/** The file in chunks of the given lengths, again and again. */
function* chunksOf(file: Uint8Array, lengths: readonly number[]): Generator<Uint8Array> {
  for (let [at, turn] = [0, 0]; at < file.length; turn += 1) {
    const length = lengths[turn % lengths.length] ?? 1;
    yield file.subarray(at, at + length);
    at += length;
  }
}

const chunkLengths = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 });

test('points are at every edge of a piece and at the end, and count what is before them', () => {
  fc.assert(
    fc.property(samplePackets(20), chunkLengths, fc.integer({ min: 1, max: 200 }), (packets, lengths, piece_bytes) => {
      const file = buildPcap(packets);
      const builder = new SumBuilder(piece_bytes);
      for (const chunk of chunksOf(file, lengths)) builder.add(chunk);
      builder.settle();
      const ends = builder.points.map(({ end_bytes }) => end_bytes);
      expect(ends).toEqual([...new Set(ends)].sort((one, other) => one - other));
      const edges = Array.from(
        { length: Math.floor(file.length / piece_bytes) },
        (_, index) => (index + 1) * piece_bytes,
      );
      expect(ends).toEqual(expect.arrayContaining([...edges, file.length]));
      expect(builder.header).toEqual(new Uint8Array(file.subarray(0, 24)));
      const boundaries = [24];
      for (const { data } of packets) boundaries.push((boundaries.at(-1) ?? 0) + 16 + data.length);
      for (const { end_bytes, packets: count, bytes, checksum, whole } of builder.points) {
        expect(checksum).toBe(crc32(file.subarray(0, end_bytes)));
        expect(whole).toBe(boundaries.includes(end_bytes));
        if (whole) expect([count, bytes]).toEqual([boundaries.indexOf(end_bytes), end_bytes - 24 - 16 * count]);
      }
    }),
  );
});

test('a builder goes on where another one was', () => {
  fc.assert(
    fc.property(samplePackets(20), fc.nat(), (packets, at) => {
      const file = buildPcap(packets);
      const whole = new SumBuilder(64);
      whole.add(file);
      whole.settle();
      const known = whole.points.slice(0, (at % whole.points.length) + 1);
      while (known.at(-1)?.whole === false) known.pop();
      const again = new SumBuilder(64, known);
      again.add(file.subarray(again.length));
      again.settle();
      expect(again.points).toEqual(whole.points);
    }),
  );
});

test('any byte that is changed is found, at the latest at the next point', () => {
  fc.assert(
    fc.property(
      samplePackets(20),
      chunkLengths,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (packets, lengths, at, by) => {
        const file = buildPcap(packets);
        const builder = new SumBuilder(100);
        builder.add(file);
        builder.settle();
        const check = (bytes: Uint8Array): unknown => {
          const checking = new SumCheck(() => builder.points);
          for (const chunk of chunksOf(bytes, lengths)) {
            const wrong = checking.add(chunk);
            if (wrong !== undefined) return wrong;
          }
          return undefined;
        };
        expect(check(file)).toBeUndefined();
        const changed = Uint8Array.from(file);
        const place = at % file.length;
        changed[place] = (changed[place] ?? 0) ^ by;
        const wrong = check(changed) as { from: number; to: number };
        expect(wrong.from).toBeLessThanOrEqual(place);
        expect(wrong.to).toBeGreaterThan(place);
      },
    ),
  );
});

test('sums come back from their file, up to where it is damaged', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'edgetap-sums-'));
  const path = join(directory, 'x.sums');
  const points = [1, 2, 3].map((number) => ({
    end_bytes: number * 100,
    packets: number,
    bytes: number * 84,
    checksum: number * 7,
    whole: number !== 2,
  }));
  const kept = { piece_bytes: 5, header: Uint8Array.of(1, 2, 255), points: points.slice(0, 1) };
  const file = await createSumsFile(path, kept);
  await file.append(points.slice(1));
  await file.sync();
  await file.close();
  expect(await readSums(path)).toEqual({ ...kept, points });
  writeFileSync(path, readFileSync(path, 'utf8').replace('[300,', '[301,'));
  expect(await readSums(path)).toEqual({ ...kept, points: points.slice(0, 2) });
  writeFileSync(path, 'nothing\n');
  expect(await readSums(path)).toBeUndefined();
  expect(await readSums(join(directory, 'none'))).toBeUndefined();
  rmSync(directory, { recursive: true });
});
