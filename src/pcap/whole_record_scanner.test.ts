import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { buildPcap, cutAt, parsePcap, type SamplePacket } from '../../test/support/packet_samples.ts';
import { WholeRecordScanner } from './whole_record_scanner.ts';

const header_bytes = 24;
const record_bytes = 216;

const packetsOf = (count: number, fill: number): readonly SamplePacket[] =>
  Array.from({ length: count }, (_, number) => {
    const data = new Uint8Array(record_bytes - 16).fill((fill + number) % 256);
    new DataView(data.buffer).setUint32(0, number);
    return { time: 1_700_000_000_000_000_000n + BigInt(number) * 1000n, original: data.length, data };
  });

/** Payloads of what is found, in whatever pieces it comes. */
function found(file: Uint8Array, cuts: readonly number[]): readonly string[] {
  const scanner = new WholeRecordScanner(true);
  const runs = cutAt(file.subarray(header_bytes), [...cuts]).flatMap((piece) =>
    scanner.push(piece).map((run) => Uint8Array.from(run)),
  );
  runs.push(...scanner.end().map((run) => Uint8Array.from(run)));
  const { packets } = parsePcap(Buffer.concat([file.subarray(0, header_bytes), ...runs]));
  return packets.map(({ time, data }) => `${time} ${Buffer.from(data).toString('hex')}`);
}

test('whatever bytes are damaged, every record beside them is found, in order, and the pieces do not matter', () => {
  const count = 30;
  fc.assert(
    fc.property(
      fc.nat(255),
      fc.nat(count * record_bytes - 1),
      fc.uint8Array({ minLength: 1, maxLength: 600 }),
      fc.array(fc.nat(count * record_bytes), { maxLength: 4 }),
      (fill, at, noise, cuts) => {
        const packets = packetsOf(count, fill);
        const good = buildPcap([...packets]);
        const file = Buffer.from(good);
        file.set(noise.subarray(0, file.length - header_bytes - at), header_bytes + at);
        const all = found(good, []);
        const intact = all.filter((_, number) => {
          const [from, to] = [header_bytes + number * record_bytes, header_bytes + (number + 1) * record_bytes];
          return file.subarray(from, to).equals(good.subarray(from, to));
        });
        // Behind the damage three records tell that they are some.
        const sure = intact.filter((one) => all.indexOf(one) * record_bytes < at || all.indexOf(one) < count - 3);
        const taken = found(
          file,
          [...new Set(cuts)].toSorted((one, other) => one - other),
        );
        expect(taken.filter((one) => sure.includes(one))).toEqual(sure);
        expect(found(file, [])).toEqual(taken);
      },
    ),
    { numRuns: 200 },
  );
});

test('the last records of a file that is damaged before them, or torn behind them, are found', () => {
  const good = buildPcap([...packetsOf(4, 9)]);
  const file = Buffer.from(good);
  file.fill(0xff, header_bytes, header_bytes + 8);
  expect(found(file, [])).toEqual(found(good, []).slice(1));
  expect(found(file.subarray(0, -1), [])).toEqual(found(good, []).slice(1, 3));
});
