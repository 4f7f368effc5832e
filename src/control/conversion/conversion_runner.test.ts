import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildPcap, parsePcap } from '../../../test/support/packet_samples.ts';
import type { Bucket } from '../../bucket/bucket.ts';
import { captureById } from '../../db/captures.ts';
import { uploadsOf } from '../../db/uploads.ts';
import { fault, FaultError, raise } from '../../model/errors/fault.ts';
import type { CaptureRecord } from '../../model/record.ts';
import type { CaptureJobs } from '../captures/capture_jobs.ts';
import { rememberUpload } from '../delivery/clear_uploads.ts';
import { startDesk, type TestDesk } from '../test_desk.ts';
import { createConversionRunner } from './conversion_runner.ts';

const second = 1_000_000_000n;
const day_s = 86_400;
/** Not pauses between two tries: what renews the lease, and what tells of waiting. */
const other_sleeps_ms = [20_000, 2500, 5000];

let desk: TestDesk;
let conversions: CaptureJobs;
/** Stands before the user's bucket whenever something is written into it. */
let atBucket: () => Promise<void>;
let slept: number[];
let crashed: unknown[];

beforeEach(async () => {
  desk = await startDesk();
  atBucket = async () => undefined;
  [slept, crashed] = [[], []];
  const bucket: Bucket = {
    ...desk.bucket,
    putStream: async (key, bytes, options) => {
      await atBucket();
      return await desk.bucket.putStream(key, bytes, options);
    },
  };
  conversions = createConversionRunner({
    ...desk.jobs,
    buckets: { ofCapture: async () => bucket },
    sleep: async (ms, signal) => {
      if (!other_sleeps_ms.includes(ms)) slept.push(ms);
      await desk.jobs.sleep(ms, signal);
    },
    crash: (error) => void crashed.push(error),
  });
});
afterEach(async () => {
  await conversions.close();
  await desk.close();
});

/** A capture of two parts that have arrived, each with one packet, the second one's first. */
async function storeArrived(): Promise<CaptureRecord> {
  const record = await desk.store(2);
  const armed_at = desk.now();
  for (const ordinal of [0, 1]) {
    const told = { capture_id: record.id, interface: `eth${ordinal}` };
    await desk.say({ kind: 'report', reports: [{ ...told, sequence: 1, phase: 'armed', armed_at }] });
    const time = armed_at + (ordinal === 0 ? 2n : 1n) * second;
    await arrive(record, ordinal, buildPcap([{ time, original: 60, data: new Uint8Array(60).fill(ordinal) }]), 2, 1n);
  }
  expect(desk.followed.at(-1)).toBe('convert');
  return record;
}

/** Uploads a part's file, whose end is the report of that number. */
async function arrive(
  { id: capture_id }: CaptureRecord,
  ordinal: number,
  bytes: Buffer,
  sequence: number,
  packets: bigint,
): Promise<void> {
  const of = { capture_id, interface: `eth${ordinal}`, attempt: 0 };
  const told = { capture_id, interface: of.interface, sequence, phase: 'ended', stop_reason: 'stopped' } as const;
  await desk.say({ kind: 'report', reports: [{ ...told, packets }] });
  const md5 = createHash('md5').update(bytes);
  const piece = { number: 1, length_bytes: bytes.length, md5_base64: md5.copy().digest('base64') };
  const signed = await desk.say({ kind: 'sign', ...of, piece });
  if (signed.kind !== 'signed') throw new Error(signed.kind);
  const { etag } = await desk.put(signed, bytes);
  const pieces = [{ number: 1, length_bytes: bytes.length, md5: md5.digest('hex'), etag }];
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await desk.say({ kind: 'uploaded', ...of, pieces, size_bytes: BigInt(bytes.length), sha256 });
}

const now = async ({ id }: CaptureRecord): Promise<CaptureRecord | undefined> => await captureById(desk.db, id);
const untilEnded = async (record: CaptureRecord): Promise<void> => {
  await expect.poll(async () => (await now(record))?.ended_at).toBeDefined();
};
/** Uploads of the delivered file that are remembered; those of the parts are until the capture is cleared up. */
const openUploads = async (record: CaptureRecord): Promise<readonly string[]> =>
  (await uploadsOf(desk.db, record.id)).filter(({ place }) => place === 'bucket').map(({ upload_id }) => upload_id);
const inBucket = (): string[] => readdirSync(join(desk.folder, 'bucket'));
const unreachable = (): never => raise('bucket_unreachable', { destination: 'file:///b', reason: 'nobody is there' });

describe('conversion', () => {
  test('merges the parts into the delivered file, and forgets its upload', async () => {
    const record = await storeArrived();
    conversions.begin(record.id);
    await untilEnded(record);
    const bytes = readFileSync(join(desk.folder, 'bucket', `pcap_${record.id}.pcap`));
    expect(parsePcap(bytes).packets.map(({ data }) => data[0])).toEqual([1, 0]);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect(await now(record)).toMatchObject({ status: 'success', packets_captured: 2n, sha256 });
    expect([await openUploads(record), desk.warned, slept, crashed]).toEqual([[], [], [], []]);
  });

  test('a pcapng file that is more than 10,000 pieces of the size that its capture was planned with is delivered', async () => {
    const record = await desk.store(2, { piece_bytes: 250 }, { format: 'pcapng' });
    const armed_at = desk.now();
    const packet = { original: 60, data: new Uint8Array(1) };
    const many = Array.from({ length: 40_000 }, (_, index) => ({ ...packet, time: armed_at + BigInt(index) }));
    for (const ordinal of [0, 1]) {
      const told = {
        capture_id: record.id,
        interface: `eth${ordinal}`,
        sequence: 1,
        phase: 'armed',
        armed_at,
      } as const;
      await desk.say({ kind: 'report', reports: [told] });
    }
    // As it was staged when pieces were planned with what is in the spool alone.
    await desk.db.query.updateTable('captures').set({ piece_bytes: 8_388_608n }).where('id', '=', record.id).execute();
    await arrive(record, 0, buildPcap(many), 2, 40_000n);
    await arrive(record, 1, buildPcap(many), 2, 40_000n);
    await desk.db.query.updateTable('captures').set({ piece_bytes: 250n }).where('id', '=', record.id).execute();
    conversions.begin(record.id);
    await untilEnded(record);
    expect(await now(record)).toMatchObject({ status: 'success', packets_captured: 80_000n });
    expect(desk.warned).toEqual([]);
  });

  test('a part that never began has no link type: it makes no Ethernet of the others', async () => {
    const record = await desk.store(2);
    const armed_at = desk.now();
    const raw = buildPcap([{ time: armed_at, original: 28, data: Uint8Array.of(0x45, ...new Uint8Array(27)) }], {
      linktype: 101,
    });
    const began = { sequence: 1, phase: 'armed', armed_at } as const;
    await desk.say({ kind: 'report', reports: [{ capture_id: record.id, interface: 'eth0', ...began }] });
    await arrive(record, 0, raw, 2, 1n);
    await arrive(record, 1, buildPcap([]), 1, 0n);
    conversions.begin(record.id);
    await untilEnded(record);
    const bytes = readFileSync(join(desk.folder, 'bucket', `pcap_${record.id}.pcap`));
    expect(bytes).toEqual(raw);
    expect(await now(record)).toMatchObject({ status: 'complete', packets_captured: 1n });
  });

  test('what a bucket refuses is told to the user, and tried again after growing pauses of at most 30 s', async () => {
    const record = await storeArrived();
    let refusals = 9;
    const told: (string | undefined)[] = [];
    atBucket = async () => {
      told.push((await now(record))?.error_message);
      if ((refusals -= 1) >= 0) unreachable();
    };
    conversions.begin(record.id);
    await untilEnded(record);
    const { message } = fault('bucket_unreachable', { destination: 'file:///b', reason: 'nobody is there' });
    expect(told).toEqual([undefined, ...Array.from({ length: 9 }, () => message)]);
    expect(slept).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    expect(desk.warned).toHaveLength(9);
    const ended = await now(record);
    expect(ended?.status).toBe('success');
    expect(ended).not.toHaveProperty('error_message');
  });

  test('gives up a day after the capture was to end, with what stood in its way', async () => {
    const record = await storeArrived();
    let tries = 0;
    atBucket = async () => {
      if ((tries += 1) === 2) desk.pass(day_s + 3600);
      unreachable();
    };
    conversions.begin(record.id);
    await untilEnded(record);
    expect(tries).toBe(2);
    expect(await now(record)).toMatchObject({
      status: 'failed',
      error_message: expect.stringContaining('nobody is there'),
    });
  });

  test('gives up the upload that an earlier try has left', async () => {
    const record = await storeArrived();
    const key = `pcap_${record.id}.pcap`;
    const upload_id = await desk.bucket.startUpload(key, 8_388_608);
    await rememberUpload(desk.db, record.id, 'bucket', { key, upload_id });
    expect([await openUploads(record), inBucket()]).toEqual([[upload_id], [expect.stringMatching(/\.partial$/)]]);
    conversions.begin(record.id);
    await untilEnded(record);
    expect(inBucket()).toEqual([key]);
    expect(await openUploads(record)).toEqual([]);
  });

  test('a capture that waits for its bucket keeps no other one waiting', async () => {
    const waiting = await Promise.all(Array.from({ length: 5 }, async () => await storeArrived()));
    const last = await storeArrived();
    let down = true;
    atBucket = async () => {
      if (down) unreachable();
    };
    for (const { id } of waiting) conversions.begin(id);
    await expect.poll(() => slept.length).toBeGreaterThan(5);
    down = false;
    conversions.begin(last.id);
    for (const record of [...waiting, last]) await untilEnded(record);
    for (const record of [...waiting, last]) expect(await now(record)).toMatchObject({ status: 'success' });
  });

  test('is given up when control ends, and begun anew by the next', async () => {
    const record = await storeArrived();
    atBucket = async () => unreachable();
    conversions.begin(record.id);
    await expect.poll(() => slept.length).toBeGreaterThan(0);
    await conversions.close();
    conversions.begin(record.id);
    expect(await now(record)).toMatchObject({ status: 'conversion_running' });
    desk.conversions.begin(record.id);
    await untilEnded(record);
    expect(await now(record)).toMatchObject({ status: 'success' });
  });

  test('a defect is no trouble of the bucket, and ends control', async () => {
    const record = await storeArrived();
    const defect = new Error('not meant to be');
    atBucket = async () => {
      throw defect;
    };
    conversions.begin(record.id);
    await expect.poll(() => crashed).toEqual([defect]);
    expect(defect).not.toBeInstanceOf(FaultError);
    expect(await now(record)).toMatchObject({ status: 'conversion_running' });
  });
});
