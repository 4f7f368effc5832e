import { type ChildProcess, fork } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bucket } from '../bucket/bucket.ts';
import { openFileBucket } from '../bucket/file.ts';
import { createPieceIntake } from '../bucket/piece_intake.ts';
import { openTicket } from '../bucket/signed_ticket.ts';
import type { Piece } from '../model/piece.ts';
import type { TimeNs } from '../model/time.ts';
import type { UploadedFile } from './upload_file.ts';

const piece_bytes = 300_000;
const signing_keys = [randomBytes(32)];
const now = (): TimeNs => BigInt(Date.now()) * 1_000_000n;
const program = new URL('../../test/support/upload_child.ts', import.meta.url);

let folder: string;
let server: Server;
let bucket: Bucket;
/** The numbers of the pieces that the bucket confirmed, in order. */
const confirmed: number[] = [];
let whenConfirmed = (): void => undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgetap-crash-'));
  const intake = createPieceIntake({ allowed_roots: [folder], signing_keys, now });
  server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    void intake({ method, url, headers, body: request }).then((answer) => {
      if (answer.status === 200) {
        const ticket = openTicket(new URL(url, 'http://x').searchParams.get('ticket') ?? '', signing_keys);
        confirmed.push(ticket?.number ?? 0);
      }
      response.writeHead(answer.status, { ...answer.headers }).end(answer.body);
      whenConfirmed();
      return undefined;
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  bucket = openFileBucket({
    destination: { scheme: 'file', directory: join(folder, 'bucket') },
    allowed_roots: [folder],
    intake_url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    signing_keys,
    now,
    random_bytes: (count) => randomBytes(count),
  });
});
afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

test('killed again and again, it sends at most one piece twice for each kill, and the object is the file', async () => {
  const pieces = 40;
  const bytes = randomBytes(pieces * piece_bytes - 1234);
  const path = join(folder, 'part.pcap');
  await writeFile(path, bytes);
  const upload_id = await bucket.startUpload('x.pcap', piece_bytes);
  let kills = 0;
  let uploaded: UploadedFile | undefined;
  while (uploaded === undefined) {
    const child = fork(program, [path, String(bytes.length), String(piece_bytes), join(folder, 'journal')], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    uploaded = await runAndMaybeKill(child, upload_id, confirmed.length + 5);
    if (uploaded === undefined) kills += 1;
  }
  whenConfirmed = () => undefined;
  expect(kills).toBeGreaterThanOrEqual(5);
  expect(new Set(confirmed).size).toBe(pieces);
  expect(confirmed.length - pieces).toBeLessThanOrEqual(kills);
  // Only the piece that was on its way is sent again, never an earlier one.
  for (const [index, number] of confirmed.entries()) {
    expect([0, 1]).toContain(number - (confirmed[index - 1] ?? 0));
  }
  expect(uploaded.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
  await bucket.completeUpload({ key: 'x.pcap', upload_id, pieces: uploaded.pieces });
  expect((await readFile(join(folder, 'bucket/x.pcap'))).equals(bytes)).toBe(true);
});

/** Signs what the child asks for; kills it when so many pieces are confirmed, at a moment that varies. */
async function runAndMaybeKill(
  child: ChildProcess,
  upload_id: string,
  kill_at: number,
): Promise<UploadedFile | undefined> {
  let uploaded: UploadedFile | undefined;
  child.on('message', (message: { readonly piece?: Piece; readonly uploaded?: UploadedFile }) => {
    uploaded = message.uploaded;
    const { piece } = message;
    if (piece === undefined) return;
    void bucket
      .signPiece({ key: 'x.pcap', upload_id, piece })
      .then((signed) => child.send({ number: piece.number, signed }));
  });
  whenConfirmed = () => {
    if (confirmed.length === kill_at) setTimeout(() => child.kill('SIGKILL'), kill_at % 4);
  };
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  expect([code, signal]).toEqual(uploaded === undefined ? [null, 'SIGKILL'] : [0, null]);
  return uploaded;
}
