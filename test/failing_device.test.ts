import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, openSync, closeSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Bucket } from '../src/bucket/bucket.ts';
import { openFileBucket } from '../src/bucket/file.ts';
import { openKeyFile } from '../src/bucket/key_file.ts';
import { createPieceIntake } from '../src/bucket/piece_intake.ts';
import { saveFile } from '../src/cli/save_file.ts';
import { makeSegment } from '../src/samples/make_segment.ts';
import { sealSegment } from '../src/samples/seal_segment.ts';
import { readSegmentMarks, segment_mark_bytes, type SegmentMark } from '../src/samples/segment_mark.ts';
import { segment_header_bytes } from '../src/samples/segment_header.ts';
import { newPartFile } from '../src/sensor/new_part_file.ts';
import { partPaths, readStates, writeState } from '../src/sensor/part_shelf.ts';
import { plainAssignment } from '../src/sensor/test_assignment.ts';
import { openLenientJournal } from '../src/upload/lenient_journal.ts';
import { openUploadJournal } from '../src/upload/upload_journal.ts';
import { createFailingDisk, type FailingDisk } from './support/failing_disk.ts';
import { buildPcap } from './support/packet_samples.ts';
import { withoutRoot } from './support/without_root.ts';

// Every place that writes, on a device that fails and comes right again: what it says to have written is there afterwards, and what
// the disk has refused is told, and not asked for again.

const skip = withoutRoot('a failing device');
let disk: FailingDisk;
let directory: string;
beforeEach(() => {
  if (skip) return;
  // One for each: blocks that were used once are taken also while it fails.
  disk = createFailingDisk();
  directory = join(disk.directory, 'x');
  mkdirSync(directory);
});
afterEach(() => disk?.remove());

const signing_keys = [new Uint8Array(32).fill(1)];
function bucketIn(path: string): Bucket {
  return openFileBucket({
    destination: { scheme: 'file', directory: path },
    allowed_roots: [path],
    intake_url: 'http://127.0.0.1:1',
    signing_keys,
    now: () => 1_800_000_000_000_000_000n,
    random_bytes: (count) => randomBytes(count),
  });
}
const bytes = randomBytes(300_000);
async function* inPieces(length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}
const digest = (of: Uint8Array): string => createHash('sha256').update(of).digest('hex');

describe.skipIf(skip)('on a device that fails and comes right again', () => {
  test('the state of a part: refused, and written anew by the next try', async () => {
    const capture_id = 'e'.repeat(32);
    const paths = partPaths(directory, capture_id, 'eth0');
    mkdirSync(paths.directory);
    const assignment = plainAssignment(capture_id, 1n, { interfaces: ['eth0'] });
    const state = { layout: 1, assignment, interface: 'eth0', phase: 'armed', attempt: 0 } as const;
    disk.fail();
    await expect(writeState(paths, state)).rejects.toMatchObject({ faults: [{ name: 'spool_write_failed' }] });
    disk.heal();
    await writeState(paths, { ...state, attempt: 7 });
    disk.forget();
    expect([...(await readStates(directory)).states.values()]).toMatchObject([{ attempt: 7 }]);
  });

  test('a file made of a part: refused, and nothing is left of it', async () => {
    const path = join(directory, 'eth0.sorted');
    const file = buildPcap([{ time: 1n, original: 9000, data: new Uint8Array(9000) }]);
    const chunks = async function* (): AsyncGenerator<Uint8Array> {
      yield file;
    };
    disk.fail();
    await expect(newPartFile(path, 1 << 20, chunks())).rejects.toThrow(/ENOSPC|EIO/);
    expect(readdirSync(directory)).toEqual([]);
    disk.heal();
    const { file_bytes } = await newPartFile(path, 1 << 20, chunks());
    disk.forget();
    expect([file_bytes, digest(readFileSync(path))]).toEqual([file.length, digest(file)]);
  });

  test('the journal of an upload: told once, and never written to again', async () => {
    const path = join(directory, 'journal');
    const told: string[] = [];
    const journal = await openLenientJournal(path, 5, ({ name }) => told.push(name));
    const piece = (number: number): Parameters<typeof journal.append>[0] => ({
      number,
      length_bytes: 5,
      md5: 'a'.repeat(32),
      etag: 'e',
    });
    disk.fail();
    let number = 0;
    while (told.length === 0 && number < 1000) await journal.append(piece((number += 1)));
    disk.heal();
    for (let more = 0; more < 5; more += 1) await journal.append(piece((number += 1)));
    expect([told, journal.pieces.size]).toEqual([['journal_unwritable'], number]);
    await journal.close();
    disk.forget();
    // What is read back was written and confirmed.
    const again = await openUploadJournal(path, 5);
    expect(again.pieces.size).toBeGreaterThan(0);
    expect([...again.pieces.values()]).toEqual([...again.pieces.keys()].map(piece));
    expect(Math.max(...again.pieces.keys())).toBeLessThan(number - 4);
    await again.close();
  });

  test.each(['writeObject', 'putStream in pieces'])(
    'an object: %s is refused, and nothing is left of it',
    async (how) => {
      const bucket = bucketIn(directory);
      const write = async (): Promise<unknown> =>
        how === 'writeObject'
          ? await bucket.writeObject('x.pcap', bytes)
          : await bucket.putStream('x.pcap', inPieces(70_000), { piece_bytes: 100_000 });
      disk.fail();
      await expect(write()).rejects.toMatchObject({ faults: [{ name: 'bucket_unreachable' }] });
      disk.heal();
      expect(existsSync(join(directory, 'x.pcap'))).toBe(false);
      await write();
      disk.forget();
      expect(digest(readFileSync(join(directory, 'x.pcap')))).toBe(digest(bytes));
    },
  );

  test('a piece that is sent: refused, and its upload is gone, for all of it has to be sent anew', async () => {
    const bucket = bucketIn(directory);
    const intake = createPieceIntake({
      allowed_roots: [directory],
      signing_keys,
      now: () => 1_800_000_000_000_000_000n,
    });
    const upload_id = await bucket.startUpload('x.pcap', bytes.length);
    const md5_base64 = createHash('md5').update(bytes).digest('base64');
    const signed = await bucket.signPiece({
      key: 'x.pcap',
      upload_id,
      piece: { number: 1, length_bytes: bytes.length, md5_base64 },
    });
    const { pathname, search } = new URL(signed.url);
    const put = async (): Promise<{ status: number; body: string }> =>
      await intake({ method: 'PUT', url: `${pathname}${search}`, headers: signed.headers, body: inPieces(50_000) });
    disk.fail();
    expect((await put()).status).toBeGreaterThanOrEqual(500);
    disk.heal();
    expect(await put()).toMatchObject({ status: 404, body: expect.stringContaining('NoSuchUpload') });
  });

  test('an upload that is put together: its lost pages are not taken for synced by a second try', async () => {
    const bucket = bucketIn(directory);
    const upload_id = await bucket.startUpload('x.pcap', bytes.length);
    const hidden = readdirSync(directory)[0] ?? '';
    // Before anything is written, of which somebody else's sync(2) may make the device take some.
    disk.fail();
    // Not by a truncation, after which ext4 writes at once.
    const file = openSync(join(directory, hidden), 'r+');
    writeSync(file, bytes);
    closeSync(file);
    const md5 = createHash('md5').update(bytes).digest('hex');
    const complete = async (): Promise<unknown> =>
      await bucket.completeUpload({
        key: 'x.pcap',
        upload_id,
        pieces: [{ number: 1, length_bytes: bytes.length, md5, etag: md5 }],
      });
    await expect(complete()).rejects.toMatchObject({ faults: [{ name: 'upload_gone' }] });
    disk.heal();
    await expect(complete()).rejects.toMatchObject({ faults: [{ name: 'upload_gone' }] });
    expect(readdirSync(directory)).toEqual([]);
  });

  test('the key file: refused, nothing is left of it, and made by the next try', async () => {
    const path = join(directory, 'key');
    const make = async (): Promise<unknown> => await openKeyFile(path, (count) => randomBytes(count));
    disk.fail();
    await expect(make()).rejects.toThrow(/ENOSPC|EIO/);
    expect(readdirSync(directory)).toEqual([]);
    disk.heal();
    await make();
    disk.forget();
    expect(await openKeyFile(path, () => new Uint8Array(32))).toHaveLength(1);
  });

  test('a segment of samples: sealed as not safe, by its last mark, and not synced a second time', async () => {
    const clock = { now: () => 5n, monotonic: () => 5n, sleep: async () => undefined };
    const stream = { interface: 'eth0', linktype: 1, directory, sealed: [], next_number: 1 };
    const { number, packets, header } = await makeSegment(stream, 1, {
      clock,
      boot: new Uint8Array(16),
    });
    disk.fail();
    const file = openSync(join(directory, '.open-0000000001.pcap'), 'r+');
    writeSync(file, bytes, 0, bytes.length, 24);
    closeSync(file);
    const mark: SegmentMark = {
      kind: 'start',
      rate: 1,
      watermark: 1n,
      monotonic: 1n,
      offset: 24,
      records: 0,
      accepted: 0n,
      dropped: 0n,
      lost: 0n,
    };
    const segment = { directory, number, packets, header };
    expect(await sealSegment(segment, mark, [{ ...mark, kind: 'seal', reason: 'age' }])).toBe(false);
    disk.heal();
    await packets.close();
    await header.close();
    disk.forget();
    const found = readFileSync(join(directory, '0000000001.seg'));
    expect((found.length - segment_header_bytes) % segment_mark_bytes).toBe(0);
    expect(readSegmentMarks(found, segment_header_bytes).marks.at(-1)).toMatchObject({
      kind: 'seal',
      reason: 'unsynced',
    });
  });

  test('a download: refused, and nothing is left of it', async () => {
    const client = {
      download: async () => ({ filename: 'x.pcap', size_bytes: bytes.length, chunks: inPieces(50_000) }),
    };
    const io = { onInterrupt: () => () => undefined, randomId: () => 'r', stderr: { isTTY: false, write: () => true } };
    const save = async (): Promise<unknown> =>
      await saveFile(client as never, 'id', join(directory, 'x.pcap'), { io } as never);
    disk.fail();
    await expect(save()).rejects.toMatchObject({ faults: [{ name: 'output_failed' }] });
    expect(readdirSync(directory)).toEqual([]);
    disk.heal();
    await save();
    disk.forget();
    expect(digest(readFileSync(join(directory, 'x.pcap')))).toBe(digest(bytes));
  });
});
