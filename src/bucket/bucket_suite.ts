import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { FaultError } from '../model/errors/fault.ts';
import type { SignedPiece, UploadedPiece } from '../model/piece.ts';
import type { Bucket } from './bucket.ts';

/** A fresh bucket and what can be seen of it from outside. */
export interface BucketUnderTest {
  readonly bucket: Bucket;
  /** An object's content, not read through the bucket; undefined when there is none. */
  readonly content: (key: string) => Promise<Buffer | undefined>;
  /** How many uploads are begun and neither completed nor aborted. */
  readonly unfinished: () => Promise<number>;
  /** What completing an aborted upload fails with. */
  readonly gone: 'upload_gone' | 'bucket_unreachable';
  /** Moves the clock that the bucket signs by. */
  readonly moveClock: (seconds: number) => void;
}

/** S3 wants 5 MiB for every piece but the last. */
const piece_bytes = 5_242_880;

/** The name of the fault that a promise fails with. */
export async function faultOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof FaultError) return error.faults[0].name;
    throw error;
  }
  return 'none';
}

/** Sends a signed piece as somebody without credentials. */
export async function put(
  signed: Pick<SignedPiece, 'url' | 'headers'>,
  body: Uint8Array,
  method = 'PUT',
): Promise<{ readonly status: number; readonly etag: string; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const sending = request(signed.url, { method, headers: { ...signed.headers } }, (response) => {
      buffer(response).then((bytes) => {
        const etag = (response.headers.etag ?? '').replaceAll('"', '');
        resolve({ status: response.statusCode ?? 0, etag, text: bytes.toString() });
        return undefined;
      }, reject);
    });
    sending.on('error', reject);
    sending.end(body);
  });
}

function md5(bytes: Uint8Array, form: 'hex' | 'base64'): string {
  return createHash('md5').update(bytes).digest(form);
}

/** Signs and sends one piece. */
async function sendPiece(
  bucket: Bucket,
  key: string,
  upload_id: string,
  number: number,
  body: Buffer,
): Promise<UploadedPiece> {
  const piece = { number, length_bytes: body.length, md5_base64: md5(body, 'base64') };
  const sent = await put(await bucket.signPiece({ key, upload_id, piece }), body);
  expect(sent).toMatchObject({ status: 200 });
  return { number, length_bytes: body.length, md5: md5(body, 'hex'), etag: sent.etag };
}

async function* chunksOf(bytes: Buffer, chunk_bytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunk_bytes) yield bytes.subarray(at, at + chunk_bytes);
}

/** What every kind of bucket must do. */
export function bucketSuite(kind: string, open: () => Promise<BucketUnderTest>): void {
  describe(`${kind}: small objects`, () => {
    test('are written whole, written over, and empty if need be', async () => {
      const { bucket, content } = await open();
      for (const bytes of [randomBytes(100), Buffer.alloc(0), randomBytes(300_000)]) {
        const stored = await bucket.writeObject('one.txt', bytes, 'text/plain');
        expect(stored).toEqual({ size_bytes: BigInt(bytes.length) });
        expect((await content('one.txt'))?.equals(bytes)).toBe(true);
      }
    });

    test('lie in directories that need not exist', async () => {
      const { bucket, content } = await open();
      await bucket.writeObject('a/b/one.txt', Buffer.from('deep'));
      expect((await content('a/b/one.txt'))?.toString()).toBe('deep');
    });

    test('are read, whole and in part', async () => {
      const { bucket } = await open();
      const bytes = randomBytes(200_000);
      await bucket.writeObject('one.bin', bytes);
      const whole = await bucket.readObject('one.bin');
      expect(whole).toMatchObject({ length_bytes: 200_000n, size_bytes: 200_000n });
      expect((await buffer(whole.body)).equals(bytes)).toBe(true);
      for (const [first, last] of [
        [0n, 0n],
        [5n, 199_999n],
        [199_999n, 199_999n],
        [1000n, 150_000n],
      ] as const) {
        const part = await bucket.readObject('one.bin', { first, last });
        expect(part).toMatchObject({ length_bytes: last - first + 1n, size_bytes: 200_000n });
        expect((await buffer(part.body)).equals(bytes.subarray(Number(first), Number(last) + 1))).toBe(true);
      }
    });

    test('that are empty are read as such', async () => {
      const { bucket } = await open();
      await bucket.writeObject('none.bin', Buffer.alloc(0));
      const read = await bucket.readObject('none.bin');
      expect(read).toMatchObject({ length_bytes: 0n, size_bytes: 0n });
      expect((await buffer(read.body)).length).toBe(0);
    });

    test('that are not there cannot be read, and removed ones are gone', async () => {
      const { bucket, content } = await open();
      expect(await faultOf(bucket.readObject('none.txt'))).toBe('bucket_read_failed');
      expect(await faultOf(bucket.readObject('no/where/none.txt'))).toBe('bucket_read_failed');
      await bucket.writeObject('a/one.txt', Buffer.from('x'));
      await bucket.removeObject('a/one.txt');
      expect(await content('a/one.txt')).toBeUndefined();
      await bucket.removeObject('a/one.txt');
      await bucket.removeObject('b/c/one.txt');
    });

    test.each([
      '',
      '/x',
      'x/',
      'a//b',
      '../x',
      'a/../x',
      './x',
      '.x',
      'a/.x',
      'a\\b',
      'a b',
      'é',
      'a\0b',
      'x'.repeat(101),
      'a/b/c/d/e/f/g',
    ])('have no name like %j', async (key) => {
      const { bucket } = await open();
      const piece = { number: 1, length_bytes: 1, md5_base64: md5(Buffer.from('x'), 'base64') };
      expect(await faultOf(bucket.writeObject(key, Buffer.from('x')))).toBe('object_key_invalid');
      expect(await faultOf(bucket.startUpload(key, piece_bytes))).toBe('object_key_invalid');
      expect(await faultOf(bucket.readObject(key))).toBe('object_key_invalid');
      expect(await faultOf(bucket.removeObject(key))).toBe('object_key_invalid');
      expect(await faultOf(bucket.signPiece({ key, upload_id: 'x', piece }))).toBe('object_key_invalid');
    });
  });

  describe(`${kind}: uploads in signed pieces`, () => {
    test('any order, sent twice, several at once: the object is the pieces in order', async () => {
      const { bucket, content, unfinished } = await open();
      const bytes = randomBytes(piece_bytes * 2 + 12_345);
      const upload_id = await bucket.startUpload('up/one.pcap', piece_bytes, 'application/vnd.tcpdump.pcap');
      expect(await content('up/one.pcap')).toBeUndefined();
      expect(await unfinished()).toBe(1);
      const at = (number: number): Buffer => bytes.subarray((number - 1) * piece_bytes, number * piece_bytes);
      const third = await sendPiece(bucket, 'up/one.pcap', upload_id, 3, at(3));
      const [first, second] = await Promise.all(
        [1, 2].map((n) => sendPiece(bucket, 'up/one.pcap', upload_id, n, at(n))),
      );
      const again = await sendPiece(bucket, 'up/one.pcap', upload_id, 1, at(1));
      expect(again).toEqual(first);
      if (first === undefined || second === undefined) throw new Error('not sent');
      const order = { key: 'up/one.pcap', upload_id, pieces: [first, second, third] };
      const stored = await bucket.completeUpload(order);
      expect(stored).toEqual({ size_bytes: BigInt(bytes.length) });
      expect((await content('up/one.pcap'))?.equals(bytes)).toBe(true);
      expect(await unfinished()).toBe(0);
      // The answer may have got lost.
      expect(await bucket.completeUpload(order)).toEqual(stored);
    });

    test('one short piece is enough', async () => {
      const { bucket, content } = await open();
      const bytes = randomBytes(24);
      const upload_id = await bucket.startUpload('small.pcap', piece_bytes);
      const piece = await sendPiece(bucket, 'small.pcap', upload_id, 1, bytes);
      await bucket.completeUpload({ key: 'small.pcap', upload_id, pieces: [piece] });
      expect((await content('small.pcap'))?.equals(bytes)).toBe(true);
    });

    test('two uploads of one object do not mix; the last completed counts', async () => {
      const { bucket, content } = await open();
      const [one, two] = [randomBytes(1000), randomBytes(2000)];
      const [first, second] = [
        await bucket.startUpload('same.pcap', piece_bytes),
        await bucket.startUpload('same.pcap', piece_bytes),
      ];
      expect(first).not.toBe(second);
      const sent_one = await sendPiece(bucket, 'same.pcap', first, 1, one);
      const sent_two = await sendPiece(bucket, 'same.pcap', second, 1, two);
      await bucket.completeUpload({ key: 'same.pcap', upload_id: second, pieces: [sent_two] });
      expect((await content('same.pcap'))?.equals(two)).toBe(true);
      await bucket.completeUpload({ key: 'same.pcap', upload_id: first, pieces: [sent_one] });
      expect((await content('same.pcap'))?.equals(one)).toBe(true);
    });

    test('a signature is good for one piece, its length, its content, PUT, and 15 minutes', async () => {
      const { bucket, moveClock } = await open();
      const body = randomBytes(1000);
      const key = 'signed.pcap';
      const upload_id = await bucket.startUpload(key, piece_bytes);
      const order = { key, upload_id, piece: { number: 1, length_bytes: 1000, md5_base64: md5(body, 'base64') } };
      const signed = await bucket.signPiece(order);
      const other = randomBytes(1000);
      const longer = Buffer.concat([body, body]);
      const with_headers = (headers: Record<string, string>): SignedPiece => ({
        ...signed,
        headers: { ...signed.headers, ...headers },
      });
      const statuses = [
        await put(signed, other),
        await put(with_headers({ 'content-md5': md5(other, 'base64') }), other),
        await put(with_headers({ 'content-length': '2000', 'content-md5': md5(longer, 'base64') }), longer),
        await put({ ...signed, url: signed.url.slice(0, -2) + (signed.url.endsWith('00') ? '11' : '00') }, body),
        await put({ ...signed, url: signed.url.replace(/\?.*/, '') }, body),
        await put(signed, body, 'POST'),
      ];
      for (const { status } of statuses) expect([400, 403, 405, 411]).toContain(status);
      expect(await put(signed, body)).toMatchObject({ status: 200 });
      moveClock(-16 * 60);
      const old = await bucket.signPiece(order);
      moveClock(16 * 60);
      expect(await put(old, body)).toMatchObject({ status: 403, text: expect.stringMatching(/expired|AccessDenied/i) });
      // The older one was made later, and signatures are dated in whole seconds.
      const apart_ns = signed.expires_at - old.expires_at;
      expect(apart_ns).toBeGreaterThan(15n * 60n * 1_000_000_000n);
      expect(apart_ns).toBeLessThanOrEqual(16n * 60n * 1_000_000_000n);
    });

    test('an aborted upload takes nothing more and becomes nothing', async () => {
      const { bucket, content, unfinished, gone } = await open();
      const body = randomBytes(1000);
      const upload = { key: 'dir/aborted.pcap', upload_id: await bucket.startUpload('dir/aborted.pcap', piece_bytes) };
      const piece = await sendPiece(bucket, upload.key, upload.upload_id, 1, body);
      const signed = await bucket.signPiece({
        ...upload,
        piece: { number: 1, length_bytes: 1000, md5_base64: md5(body, 'base64') },
      });
      await bucket.abortUpload(upload);
      expect(await unfinished()).toBe(0);
      expect(await put(signed, body)).toMatchObject({ status: 404, text: expect.stringContaining('NoSuchUpload') });
      expect(await faultOf(bucket.completeUpload({ ...upload, pieces: [piece] }))).toBe(gone);
      expect(await content('dir/aborted.pcap')).toBeUndefined();
      await bucket.abortUpload(upload);
    });

    test('what is put together is checked', async () => {
      const { bucket, content } = await open();
      const key = 'checked.pcap';
      const upload_id = await bucket.startUpload(key, piece_bytes);
      const piece = await sendPiece(bucket, key, upload_id, 1, randomBytes(1000));
      const complete = (...pieces: UploadedPiece[]): Promise<string> =>
        faultOf(bucket.completeUpload({ key, upload_id, pieces }));
      expect(await complete()).toBe('bucket_refused');
      expect(await complete({ ...piece, number: 2 })).toBe('bucket_refused');
      expect(await complete(piece, piece)).toBe('bucket_refused');
      expect(await complete({ ...piece, md5: 'x' })).toBe('bucket_refused');
      expect(await complete({ ...piece, length_bytes: 0.5 })).toBe('bucket_refused');
      // A piece that was never sent.
      const never = { number: 2, length_bytes: 5, md5: '0'.repeat(32), etag: '0'.repeat(32) };
      expect(await complete(piece, never)).toBe('bucket_checksum');
      expect(await content(key)).toBeUndefined();
      // A piece that arrived other than it was sent.
      expect(await complete({ ...piece, md5: '0'.repeat(32) })).toBe('bucket_checksum');
    });
  });

  describe(`${kind}: streams`, () => {
    test.each([0, 1, piece_bytes - 1, piece_bytes, piece_bytes + 1, 2 * piece_bytes, 2 * piece_bytes + 777])(
      'of %i bytes arrive whole',
      async (size) => {
        const { bucket, content, unfinished } = await open();
        const bytes = randomBytes(size);
        const stored = await bucket.putStream('s/stream.pcap', chunksOf(bytes, 999_999), { piece_bytes });
        expect(stored).toMatchObject({
          size_bytes: BigInt(size),
          sha256: createHash('sha256').update(bytes).digest('hex'),
        });
        expect((await content('s/stream.pcap'))?.equals(bytes)).toBe(true);
        expect(await unfinished()).toBe(0);
      },
    );

    test('that break leave nothing', async () => {
      const { bucket, content, unfinished } = await open();
      const bytes = randomBytes(2 * piece_bytes);
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield* chunksOf(bytes, 1_000_000);
        throw new Error('the part is damaged');
      }
      await expect(bucket.putStream('broken.pcap', broken(), { piece_bytes })).rejects.toThrow('the part is damaged');
      expect(await content('broken.pcap')).toBeUndefined();
      expect(await unfinished()).toBe(0);
    });

    test('that are called off leave nothing', async () => {
      const { bucket, content, unfinished } = await open();
      const stop = new AbortController();
      let ended = false;
      async function* endless(): AsyncGenerator<Uint8Array> {
        try {
          for (let count = 1; ; count += 1) {
            if (count === 12) stop.abort(new Error('shutting down'));
            yield randomBytes(1_000_000);
          }
        } finally {
          ended = true;
        }
      }
      const putting = bucket.putStream('endless.pcap', endless(), { piece_bytes, signal: stop.signal });
      await expect(putting).rejects.toThrow('shutting down');
      expect(ended).toBe(true);
      expect(await content('endless.pcap')).toBeUndefined();
      expect(await unfinished()).toBe(0);
    });
  });
}
