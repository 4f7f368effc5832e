import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildPcap, parsePcap, type SamplePacket } from '../../../test/support/packet_samples.ts';
import { captureById } from '../../db/captures.ts';
import { partsOf } from '../../db/parts.ts';
import { limits } from '../../model/limits.ts';
import type { CaptureRecord } from '../../model/record.ts';
import { fileSums } from '../../upload/sums/file_sums.ts';
import { SumBuilder } from '../../upload/sums/sum_builder.ts';
import { startDesk, type TestDesk } from '../test_desk.ts';

const count = 1200;
const record_bytes = 1016;
const half = 24 + (count / 2) * record_bytes;

let desk: TestDesk;
beforeEach(async () => {
  desk = await startDesk();
});
afterEach(async () => await desk.close());

/** Packets that say whose they are and their number. */
function packetsOf(ordinal: number): SamplePacket[] {
  return Array.from({ length: count }, (_, number) => {
    const data = new Uint8Array(record_bytes - 16).fill(number % 251);
    new DataView(data.buffer).setUint32(0, ordinal * 1_000_000 + number);
    return { time: 1_700_000_000_000_000_000n + BigInt(2 * number + ordinal), original: data.length, data };
  });
}
const numberOf = (data: Uint8Array): number => new DataView(data.buffer, data.byteOffset).getUint32(0);

/** A capture of two parts that have arrived in the staging area, of which control was told what they were, or not. */
async function storeArrived(told_sums: boolean): Promise<CaptureRecord> {
  const record = await desk.store(2);
  for (const ordinal of [0, 1]) {
    const of = { capture_id: record.id, interface: `eth${ordinal}`, attempt: 0 };
    const told = { capture_id: record.id, interface: of.interface };
    await desk.say({
      kind: 'report',
      reports: [{ ...told, sequence: 1, phase: 'armed', armed_at: desk.now(), linktype: 1 }],
    });
    const bytes = buildPcap(packetsOf(ordinal));
    const md5 = createHash('md5').update(bytes).digest();
    const piece = { number: 1, length_bytes: bytes.length, md5_base64: md5.toString('base64') };
    const signed = await desk.say({ kind: 'sign', ...of, piece });
    if (signed.kind !== 'signed') throw new Error(signed.kind);
    const { etag } = await desk.put(signed, bytes);
    const packets = BigInt(count);
    await desk.say({
      kind: 'report',
      reports: [{ ...told, sequence: 2, phase: 'ended', packets, dropped: 0n, stop_reason: 'stopped' }],
    });
    const builder = new SumBuilder(record.piece_bytes);
    builder.add(bytes);
    builder.settle();
    await desk.say({
      kind: 'uploaded',
      ...of,
      pieces: [{ number: 1, length_bytes: bytes.length, md5: md5.toString('hex'), etag }],
      size_bytes: BigInt(bytes.length),
      sha256: createHash('sha256').update(bytes).digest('hex'),
      ...(told_sums ? { sums: [...fileSums(builder.points, limits.file_sums_max)] } : {}),
    });
  }
  return record;
}

const staged = ({ id }: CaptureRecord, ordinal: number): string =>
  join(desk.folder, 'staging', `${id}-${ordinal}.pcap`);

async function converted(record: CaptureRecord): Promise<CaptureRecord> {
  desk.conversions.begin(record.id);
  await expect.poll(async () => (await captureById(desk.db, record.id))?.ended_at).toBeDefined();
  const ended = await captureById(desk.db, record.id);
  if (ended === undefined) throw new Error('it is gone');
  return ended;
}

type Damage = (path: string) => void;
const rewrite =
  (change: (file: Buffer) => void): Damage =>
  (path) => {
    const file = readFileSync(path);
    change(file);
    writeFileSync(path, file);
  };
const flip = (at: number): Damage => rewrite((file) => void (file[at] = (file[at] ?? 0) ^ 4));
/** What is done to the second part, and how many of its packets must come at least and at most. */
const damages: readonly (readonly [string, Damage, least: number, most: number])[] = [
  ['cut at the end of a record', (path) => truncateSync(path, half), count / 2 - 300, count / 2],
  ['cut within a record', (path) => truncateSync(path, half + 3), count / 2 - 300, count / 2],
  ['cut to its header', (path) => truncateSync(path, 24), 0, 0],
  ['cut to nothing', (path) => truncateSync(path, 0), 0, 0],
  ['gone', (path) => rmSync(path), 0, 0],
  ['with a bit changed in a packet', flip(half + 100), count - 300, count - 1],
  ['with a bit changed in a length', flip(half + 8), count - 300, count - 1],
  ['with a bit changed in its header', flip(20), count, count],
  ['with a page of zeros', rewrite((file) => void file.fill(0, 409_600, 413_696)), count - 300, count - 1],
  ['of zeros', rewrite((file) => void file.fill(0)), 0, 0],
  ['replaced by an older one', (path) => writeFileSync(path, buildPcap(packetsOf(1).slice(0, 700))), 400, 700],
  ['extended', (path) => appendFileSync(path, buildPcap(packetsOf(0).slice(0, 1)).subarray(24)), count, count],
];

/** The parts' packets in the delivered file: nothing else may be in it. */
function deliveredOf(record: CaptureRecord): readonly [number, number] {
  const file = readFileSync(join(desk.folder, 'bucket', `pcap_${record.id}.pcap`));
  expect(createHash('sha256').update(file).digest('hex')).toBe(record.sha256);
  const all = [packetsOf(0), packetsOf(1)];
  const { packets } = parsePcap(file);
  const known = packets.every(({ time, data }) => {
    const [ordinal, number] = [Math.floor(numberOf(data) / 1_000_000), numberOf(data) % 1_000_000];
    const original = all[ordinal]?.[number];
    return original?.time === time && Buffer.compare(original.data, data) === 0;
  });
  expect(known).toBe(true);
  expect(new Set(packets.map(({ data }) => numberOf(data))).size).toBe(packets.length);
  const second = packets.filter(({ data }) => numberOf(data) >= 1_000_000).length;
  return [packets.length - second, second];
}

describe('a part in the staging area', () => {
  test.each(damages)('%s: what is whole is delivered, the rest is told', async (_, damage, least, most) => {
    const record = await storeArrived(true);
    damage(staged(record, 1));
    const ended = await converted(record);
    const [first, second] = deliveredOf(ended);
    expect(first).toBe(count);
    expect(second).toBeGreaterThanOrEqual(least);
    expect(second).toBeLessThanOrEqual(most);
    expect(ended.packets_captured).toBe(BigInt(first + second));
    const lost = count - second;
    if (lost === 0) return expect(ended.status).toBe('success');
    expect(ended.status).toBe('complete');
    expect(ended.error_message).toContain(`${record.id}-1.pcap`);
    const [, part] = await partsOf(desk.db, record.id);
    if (second === 0) return expect(part).toMatchObject({ phase: 'failed' });
    expect(part).toMatchObject({ packets: BigInt(second), dropped: BigInt(lost), cut: 0n });
    expect(part?.missing).toContain(`${lost} of ${count} packets are lost`);
    expect(desk.warned.map(({ name }) => name)).toContain('staged_damaged');
  });

  test.each(damages.filter(([name]) => name !== 'extended'))(
    '%s, of which a sensor of before has said only its checksum: all or nothing',
    async (_, damage) => {
      const record = await storeArrived(false);
      damage(staged(record, 1));
      const ended = await converted(record);
      expect(deliveredOf(ended)).toEqual([count, 0]);
      expect(ended).toMatchObject({
        status: 'complete',
        error_message: expect.stringContaining(`${record.id}-1.pcap`),
      });
    },
  );

  test('where nothing is left, the capture fails at once, and says which file it was', async () => {
    const record = await storeArrived(true);
    rmSync(staged(record, 0));
    truncateSync(staged(record, 1), 24);
    const ended = await converted(record);
    expect(ended).toMatchObject({ status: 'failed', error_message: expect.stringMatching(/-[01]\.pcap in .*staging/) });
  });
});
