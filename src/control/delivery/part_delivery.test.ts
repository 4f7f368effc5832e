import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { captureById } from '../../db/captures.ts';
import { partsOf } from '../../db/parts.ts';
import { uploadsOf } from '../../db/uploads.ts';
import type { UploadedPiece } from '../../model/piece.ts';
import type { CaptureRecord } from '../../model/record.ts';
import type { ControlReply } from '../../wire/sensor_messages.ts';
import { startDesk, type TestDesk } from '../test_desk.ts';
import { ownFileCalls } from '../../bucket/file_calls.ts';
import { abandonStrays } from './abandon_strays.ts';
import { unclaimedFiles } from './unclaimed_files.ts';

let desk: TestDesk;
beforeEach(async () => {
  desk = await startDesk();
});
afterEach(async () => await desk.close());

const bytes = Buffer.from('a small capture file');
const md5 = createHash('md5').update(bytes).digest();
const piece = { number: 1, length_bytes: bytes.length, md5_base64: md5.toString('base64') };
const sha256 = createHash('sha256').update(bytes).digest('hex');

const tell = async (
  record: CaptureRecord,
  phase: 'armed' | 'ended',
  sequence: number,
  name = 'eth0',
): Promise<void> => {
  const told = phase === 'armed' ? { armed_at: desk.now() } : { packets: 1n, stop_reason: 'stopped' as const };
  const report = { capture_id: record.id, interface: name, sequence, phase, ...told };
  await desk.say({ kind: 'report', reports: [report] });
};
const sign = async (
  record: CaptureRecord,
  attempt = 0,
  name = 'eth0',
): Promise<Extract<ControlReply, { kind: 'signed' }>> => {
  const reply = await desk.say({ kind: 'sign', capture_id: record.id, interface: name, attempt, piece });
  if (reply.kind !== 'signed') throw new Error(reply.kind);
  return reply;
};
const send = async (record: CaptureRecord, attempt = 0, name = 'eth0'): Promise<UploadedPiece> => {
  const answer = await desk.put(await sign(record, attempt, name), bytes);
  expect(answer.status).toBe(200);
  return { number: 1, length_bytes: bytes.length, md5: md5.toString('hex'), etag: answer.etag };
};
const uploaded = async (
  record: CaptureRecord,
  pieces: UploadedPiece[],
  attempt = 0,
  name = 'eth0',
): Promise<ControlReply> =>
  await desk.say({
    kind: 'uploaded',
    capture_id: record.id,
    interface: name,
    attempt,
    pieces,
    size_bytes: BigInt(bytes.length),
    sha256,
  });
const files = (name: string): string[] => readdirSync(join(desk.folder, name));
const refusal = (name: string): unknown => expect.objectContaining({ faults: [expect.objectContaining({ name })] });

describe('a part on its way', () => {
  test('is signed, sent, put together and, as the only one, the delivered file', async () => {
    const record = await desk.store(1);
    await tell(record, 'armed', 1);
    const arrived = await send(record);
    expect(files('bucket')).toEqual([expect.stringMatching(/\.partial$/)]);
    await tell(record, 'ended', 2);
    expect(await uploaded(record, [arrived])).toEqual({ kind: 'uploaded_ok' });
    expect(readFileSync(join(desk.folder, 'bucket', `pcap_${record.id}.pcap`))).toEqual(bytes);
    expect(await captureById(desk.db, record.id)).toMatchObject({ status: 'success', sha256, size_bytes: 20n });
    expect(await uploadsOf(desk.db, record.id)).toEqual([]);
    // A lost answer: it is asked again.
    expect(await uploaded(record, [arrived])).toEqual({ kind: 'uploaded_ok' });
  });

  test('is not signed before it captures, nor once it is wanted no more', async () => {
    const record = await desk.store(1);
    await expect(sign(record)).rejects.toEqual(refusal('not_found'));
    await tell(record, 'armed', 1);
    await sign(record);
    await desk.keeper.take([{ capture_id: record.id, events: [{ kind: 'report', at: desk.now(), news: failed }] }]);
    await expect(sign(record)).rejects.toEqual(refusal('not_found'));
    await expect(sign({ ...record, id: 'f'.repeat(32) })).rejects.toEqual(refusal('not_found'));
  });
  const failed = { sensor: 's0', interface: 'eth0', epoch: 'e1', sequence: 9, phase: 'failed', error: 'x' } as const;

  test('whose first pieces are asked for at once has one upload', async () => {
    const record = await desk.store(1);
    await tell(record, 'armed', 1);
    const signed = await Promise.all([sign(record), sign(record), sign(record)]);
    expect(new Set(signed.map(({ url }) => new URL(url).pathname)).size).toBe(1);
    expect(files('bucket')).toHaveLength(1);
    expect(await uploadsOf(desk.db, record.id)).toHaveLength(1);
  });

  test('is not taken as delivered before it has told its end', async () => {
    const record = await desk.store(1);
    await tell(record, 'armed', 1);
    const arrived = await send(record);
    await expect(uploaded(record, [arrived])).rejects.toEqual(refusal('not_found'));
    await tell(record, 'ended', 2);
    expect(await uploaded(record, [arrived])).toEqual({ kind: 'uploaded_ok' });
  });

  test('that is not what was sent is sent again: a new attempt is a new upload, an old one is gone', async () => {
    const record = await desk.store(1);
    await tell(record, 'armed', 1);
    const arrived = await send(record);
    await tell(record, 'ended', 2);
    const [name] = files('bucket');
    writeFileSync(join(desk.folder, 'bucket', name ?? ''), 'the disk has lied ..');
    await expect(uploaded(record, [arrived])).rejects.toEqual(refusal('bucket_checksum'));
    const again = await send(record, 1);
    expect(files('bucket')).toHaveLength(2);
    await expect(sign(record, 0)).rejects.toEqual(refusal('upload_gone'));
    await expect(uploaded(record, [arrived], 0)).rejects.toEqual(refusal('upload_gone'));
    expect(await uploaded(record, [again], 1)).toEqual({ kind: 'uploaded_ok' });
    expect(desk.followed).toContain('discard');
    await desk.delivery.discard(record.id);
    expect(files('bucket')).toEqual([`pcap_${record.id}.pcap`]);
  });

  test('that control put together before it died is taken as delivered after it', async () => {
    const record = await desk.store(1);
    await tell(record, 'armed', 1);
    const arrived = await send(record);
    await tell(record, 'ended', 2);
    const [part] = await partsOf(desk.db, record.id);
    const order = { key: `pcap_${record.id}.pcap`, upload_id: part?.upload_id ?? '', pieces: [arrived] };
    await desk.bucket.completeUpload(order);
    desk = await startDesk(desk);
    expect(await uploaded(record, [arrived])).toEqual({ kind: 'uploaded_ok' });
    expect(await captureById(desk.db, record.id)).toMatchObject({ status: 'success' });
  });

  test('of several goes to staging, and is removed from there with what was never finished', async () => {
    const record = await desk.store(2);
    for (const name of ['eth0', 'eth1']) await tell(record, 'armed', 1, name);
    const arrived = await send(record, 0, 'eth0');
    await send(record, 0, 'eth1');
    await tell(record, 'ended', 2, 'eth0');
    await uploaded(record, [arrived], 0, 'eth0');
    expect(files('staging').sort()).toEqual([
      expect.stringMatching(/^\..*-1\.pcap\..*\.partial$/),
      `${record.id}-0.pcap`,
    ]);
    expect(files('bucket')).toEqual([]);
    await desk.delivery.discardLeft(new AbortController().signal);
    expect(files('staging')).toHaveLength(2);
    await desk.db.transaction(
      async (tx) =>
        await tx.query.updateTable('captures').set({ status: 'failed' }).where('id', '=', record.id).execute(),
    );
    // As a control does that is started after the one that should have.
    desk = await startDesk(desk);
    await desk.delivery.discardLeft(new AbortController().signal);
    expect(files('staging')).toEqual([]);
    expect(await uploadsOf(desk.db, record.id)).toEqual([]);
  });
});

describe('uploads that nobody knows of', () => {
  test('are aborted at the start; those that go on are not', async () => {
    const record = await desk.store(1);
    const several = await desk.store(2);
    for (const one of [record, several]) await tell(one, 'armed', 1);
    await send(record);
    await send(several);
    const known = [...files('bucket'), ...files('staging')];
    await desk.bucket.startUpload(`pcap_${record.id}.pcap`, 100);
    await desk.staging.startUpload(`${several.id}-1.pcap`, 100);
    await desk.staging.startUpload(`${'9'.repeat(32)}-0.pcap`, 100);
    await desk.results.startUpload(`pcap_${'9'.repeat(32)}.pcap`, 100);
    // A file of the user that only looks like it, in a capture that is not ours.
    const foreign = `.pcap_${'8'.repeat(32)}.pcap.${'8'.repeat(32)}-5.partial`;
    writeFileSync(join(desk.folder, 'bucket', foreign), 'x');
    const { db, results, staging, bucket } = desk;
    const warn = (): never => {
      throw new Error('nothing to be told');
    };
    await abandonStrays({ callsOf: () => ownFileCalls, db, results, staging, openOwnership: async () => bucket, warn });
    expect([...files('bucket'), ...files('staging')].sort()).toEqual([...known, foreign].sort());
    expect(files('results')).toEqual([]);
    expect(existsSync(join(desk.folder, 'bucket', foreign))).toBe(true);
  });

  test('complete files of captures that the database does not know are kept and named, no others', async () => {
    const record = await desk.store(1);
    const lost = ['9', '8', '7'].map((digit) => digit.repeat(32));
    const staging = [`${lost[0]}-0.pcap`, `${lost[1]}-0-past-${'a'.repeat(32)}.pcap`, 'other.txt'];
    for (const name of [`${record.id}-0.pcap`, ...staging]) writeFileSync(join(desk.folder, 'staging', name), 'x');
    for (const id of [record.id, lost[2]]) writeFileSync(join(desk.folder, 'results', `pcap_${id}.pcapng`), 'x');
    await desk.staging.startUpload(`${lost[0]}-1.pcap`, 100);
    const found = await unclaimedFiles(
      desk.db,
      ['staging', 'results', 'nowhere'].map((name) => join(desk.folder, name)),
    );
    expect(found.map(({ name }) => name)).toEqual(Array.from({ length: 4 }, () => 'file_unclaimed'));
    const wanted = [
      ...staging.toSorted().map((name) => join('staging', name)),
      join('results', `pcap_${lost[2]}.pcapng`),
    ];
    for (const [index, name] of wanted.entries()) expect(found[index]?.message).toContain(join(desk.folder, name));
    expect(files('staging')).toEqual(expect.arrayContaining(staging));
  });

  test('a bucket that cannot be opened is told, and no reason to stop', async () => {
    await desk.store(1);
    const told: string[] = [];
    const { db, results, staging } = desk;
    await abandonStrays({
      callsOf: () => ownFileCalls,
      db,
      results,
      staging,
      openOwnership: async () => await desk.delivery.sign({ ...unknown, piece }).then(() => staging),
      warn: (one) => void told.push(one.name),
    });
    expect(told).toEqual(['not_found']);
  });
  const unknown = {
    kind: 'sign',
    version: 1,
    sensor: 's',
    epoch: 'e',
    capture_id: 'x',
    interface: 'i',
    attempt: 0,
  } as const;
});
