import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildPcap, type SamplePacket } from '../../test/support/packet_samples.ts';
import type { PartState } from './part_state.ts';
import { createTestPartDelivery, type TestPartDelivery } from './test_part_delivery.ts';

const count = 1500;
const record_bytes = 1016;

let delivery: TestPartDelivery;
beforeEach(async () => {
  delivery = await createTestPartDelivery();
});
afterEach(() => delivery.close());

const packets: readonly SamplePacket[] = Array.from({ length: count }, (_, number) => {
  const data = new Uint8Array(record_bytes - 16).fill(number % 251);
  new DataView(data.buffer).setUint32(0, number);
  return { time: 1_700_000_000_000_000_000n + BigInt(number), original: data.length, data };
});
const numberOf = ({ data }: SamplePacket): number => new DataView(data.buffer, data.byteOffset).getUint32(0);

const isSame = (one: SamplePacket, other: SamplePacket | undefined): boolean =>
  other?.time === one.time && other.original === one.original && Buffer.compare(one.data, other.data) === 0;

/** A part that has ended whole, as its sensor left it. */
const endedPart = async (): Promise<PartState> => await delivery.endedPart(packets, { state: { dropped: 2n } });

type Damage = (path: string, file: Buffer) => void;
const rewrite =
  (change: (file: Buffer) => void): Damage =>
  (path, file) => {
    change(file);
    writeFileSync(path, file);
  };
const flip = (at: number): Damage => rewrite((file) => void (file[at] = (file[at] ?? 0) ^ 0x10));
const half = 24 + (count / 2) * record_bytes;

const damages: readonly (readonly [string, Damage, least: number, most: number])[] = [
  ['cut at the end of a record', (path) => truncateSync(path, half), count / 2 - 300, count / 2],
  ['cut within a record', (path) => truncateSync(path, half + 7), count / 2 - 300, count / 2],
  ['cut by its last byte', (path, file) => truncateSync(path, file.length - 1), count - 300, count - 1],
  ['cut to its header', (path) => truncateSync(path, 24), 0, 0],
  ['cut to nothing', (path) => truncateSync(path, 0), 0, 0],
  ['gone', (path) => rmSync(path), 0, 0],
  ['with a bit changed in the first packet', flip(24 + 16 + 500), count - 300, count - 1],
  ['with a bit changed in a time in the middle', flip(half + 2), count - 300, count - 1],
  ['with a bit changed in a length in the middle', flip(half + 9), count - 300, count - 1],
  ['with a bit changed in the last packet', flip(24 + count * record_bytes - 1), count - 300, count - 1],
  ['with a bit changed in its header', flip(20), count, count],
  ['with a page of zeros', rewrite((file) => void file.fill(0, 409_600, 413_696)), count - 300, count - 1],
  ['of zeros to its end', rewrite((file) => void file.fill(0, half)), count / 2 - 300, count / 2],
  ['of zeros', rewrite((file) => void file.fill(0)), 0, 0],
  ['replaced by an older one', rewrite((file) => void buildPcap(packets.slice(0, 900)).copy(file)), count, count],
  ['extended', (path) => appendFileSync(path, buildPcap(packets).subarray(24, 24 + record_bytes)), count, count],
];

/** Nothing but packets that were captured, in their order, and every other one counted. */
function judge(least: number, most: number): void {
  const last = delivery.reports.at(-1);
  if (most === 0) {
    expect(delivery.delivered).toBeUndefined();
    expect(last).toMatchObject({ phase: 'failed', fault: { message: expect.stringMatching(/eth0\.pcap/) } });
    return;
  }
  const found = delivery.packets();
  // Byte by byte, by a quicker way than a deep comparison.
  expect(found.every((packet) => isSame(packet, packets[numberOf(packet)]))).toBe(true);
  const numbers = found.map(numberOf);
  expect(numbers).toEqual([...new Set(numbers)].sort((one, other) => one - other));
  expect(found.length).toBeGreaterThanOrEqual(least);
  expect(found.length).toBeLessThanOrEqual(most);
  expect(last).toMatchObject({
    phase: 'ended',
    packets: BigInt(found.length),
    dropped: 2n + BigInt(count - found.length),
  });
  if (found.length === count) expect(last).not.toHaveProperty('missing');
  else {
    expect(last?.missing).toMatch(new RegExp(`${count - found.length} of ${count} packets are lost: .*eth0\\.pcap`));
    expect(delivery.warned.map(({ name }) => name)).toEqual(['part_file_damaged']);
  }
}

describe('a complete file of a part, waiting in the spool', () => {
  test.each(damages)('%s: never altered packets, never silent', async (_, damage, least, most) => {
    const state = await endedPart();
    const { path } = delivery;
    damage(path, readFileSync(path));
    await delivery.deliver(state);
    judge(least, most);
    expect(readdirSync(dirname(path)).filter((name) => !/state\.json|upload/.test(name))).toEqual(
      most === 0 ? expect.anything() : [],
    );
  });

  test.each(damages.filter(([name]) => !/replaced|extended|header/.test(name)))(
    '%s between its hashing and its sending',
    async (_, damage, least, most) => {
      const state = await endedPart();
      const { path } = delivery;
      let done = false;
      delivery.whenAsked = ({ kind }) => {
        if (kind !== 'sign') return;
        if (!done) damage(path, readFileSync(path));
        done = true;
      };
      await delivery.deliver(state);
      // What is open is still there, whatever became of its name.
      if (delivery.delivered !== undefined && delivery.reports.at(-1)?.packets === BigInt(count))
        return judge(count, count);
      judge(least, most);
    },
  );

  test.each(damages)(
    '%s, its sums gone: every record that is whole, and told that it is unchecked',
    async (name, damage) => {
      const state = await endedPart();
      const { path } = delivery;
      rmSync(`${path}.sums`);
      damage(path, readFileSync(path));
      const intact = intactIn(path);
      await delivery.deliver(state);
      judgeUnchecked(intact, /replaced|extended/.test(name) ? count : undefined);
    },
  );

  test.each(damages)('%s, found so after a crash, without sums: the same', async (_, damage) => {
    const { file_bytes: _file, checksum: _sum, ...ended } = await endedPart();
    const { path } = delivery;
    rmSync(`${path}.sums`);
    damage(path, readFileSync(path));
    const intact = intactIn(path);
    await delivery.deliver({ ...ended, phase: 'armed' });
    if (intact.length === 0 && delivery.delivered === undefined) return;
    const found = new Set(
      delivery
        .packets()
        .filter((one) => isSame(one, packets[numberOf(one)]))
        .map(numberOf),
    );
    expect(intact.filter((number) => !found.has(number))).toEqual([]);
    if (found.size > 0)
      expect(delivery.reports.at(-1)).toMatchObject({ phase: 'ended', fault: { name: 'sensor_crashed' } });
  });
});

/** The numbers of the packets whose records are intact in the file. */
function intactIn(path: string): readonly number[] {
  const now = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  const before = buildPcap(packets);
  return packets.flatMap((_, number) => {
    const [from, to] = [24 + number * record_bytes, 24 + (number + 1) * record_bytes];
    return to <= now.length && now.subarray(from, to).equals(before.subarray(from, to)) ? [number] : [];
  });
}

function judgeUnchecked(intact: readonly number[], all: number | undefined): void {
  const last = delivery.reports.at(-1);
  if (intact.length === 0) {
    expect(last).toMatchObject({ phase: 'failed', fault: { message: expect.stringMatching(/eth0\.pcap/) } });
    return;
  }
  const delivered = delivery.packets();
  const found = new Set(delivered.filter((one) => isSame(one, packets[numberOf(one)])).map(numberOf));
  expect(intact.filter((number) => !found.has(number))).toEqual([]);
  expect(last).toMatchObject({ phase: 'ended', packets: BigInt(delivered.length) });
  if (all === delivered.length) expect(last).not.toHaveProperty('missing');
  else expect(last?.missing).toMatch(/could not be checked/);
}
