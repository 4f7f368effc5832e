import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFile, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { anywhere } from '../model/endpoint_policy.ts';
import { type Fault, FaultError, raise } from '../model/errors/fault.ts';
import type { Piece, SignedPiece } from '../model/piece.ts';
import type { TimeNs } from '../model/time.ts';
import { guardedAgents } from '../net/guarded_agent.ts';
import { type GrowingFile, sealedFile } from './growing_file.ts';
import { type UploadOptions, uploadFile } from './upload_file.ts';

const piece_bytes = 100_000;
const open_agents = guardedAgents({ policy: anywhere });

let folder: string;
let server: Server;
let origin: string;
/** How the server deals with the next requests; the last one stays. */
let script: ((request: IncomingMessage, response: ServerResponse) => unknown)[] = [];
/** Pieces that arrived whole, in the order of their arrival. */
let arrived: { readonly number: number; readonly body: Buffer }[] = [];
let requests = 0;
let at_once = 0;
let at_once_most = 0;

async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await buffer(request);
  const number = Number(new URL(request.url ?? '', origin).searchParams.get('n'));
  const md5 = createHash('md5').update(body).digest();
  if (request.headers['content-md5'] !== md5.toString('base64')) response.writeHead(400).end();
  else {
    arrived.push({ number, body });
    response.writeHead(200, { etag: `"${md5.toString('hex')}"` }).end();
  }
}

const answer =
  (status: number, code = '', headers: Record<string, string> = {}) =>
  (request: IncomingMessage, response: ServerResponse): void => {
    request.resume();
    request.on('end', () => response.writeHead(status, headers).end(`<Error><Code>${code}</Code></Error>`));
  };

beforeAll(async () => {
  server = createServer((request, response) => {
    requests += 1;
    at_once += 1;
    at_once_most = Math.max(at_once_most, at_once);
    response.on('close', () => (at_once -= 1));
    const step = script.length > 1 ? script.shift() : script[0];
    void Promise.resolve((step ?? take)(request, response)).catch(() => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  open_agents.close();
  server.close();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgetap-upload-'));
  [script, arrived, requests, at_once_most] = [[], [], 0, 0];
});
afterEach(async () => {
  expect(await openFiles(folder)).toEqual([]);
  await rm(folder, { recursive: true });
});

/** Files of a folder that this process has open. */
async function openFiles(under: string): Promise<string[]> {
  const { readlink } = await import('node:fs/promises');
  const links = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  );
  return links.filter((path) => path.startsWith(under));
}

interface World extends UploadOptions {
  readonly warnings: Fault[];
  readonly slept: number[];
  readonly signed: Piece[];
  clock: TimeNs;
}

/** A world where sleeping takes no time but moves the clock. */
function world(file: GrowingFile, change: Partial<UploadOptions> = {}): World {
  const made: World = {
    file,
    piece_bytes,
    journal_path: join(folder, 'journal'),
    warnings: [],
    slept: [],
    signed: [],
    clock: 1_800_000_000_000_000_000n,
    sign: async (piece) => {
      made.signed.push(piece);
      return signedFor(piece, made.clock);
    },
    agentsFor: () => open_agents,
    now: () => made.clock,
    sleep: async (ms) => {
      made.slept.push(ms);
      made.clock += BigInt(Math.round(ms * 1e6));
    },
    random: () => 1,
    deliver_before: 1_800_000_000_000_000_000n + 86_400_000_000_000n,
    warn: (fault) => made.warnings.push(fault),
    signal: new AbortController().signal,
    ...change,
  };
  return made;
}

function signedFor(piece: Piece, now: TimeNs): SignedPiece {
  return {
    url: `${origin}/x?n=${piece.number}&signature=TOPSECRET`,
    method: 'PUT',
    headers: { 'content-length': String(piece.length_bytes), 'content-md5': piece.md5_base64 },
    expires_at: now + 900_000_000_000n,
    own: false,
  };
}

async function fileOf(bytes: Buffer): Promise<GrowingFile> {
  const path = join(folder, 'part.pcap');
  await writeFile(path, bytes);
  return sealedFile(path, bytes.length);
}

function object(): Buffer {
  const byNumber = new Map(arrived.map((one) => [one.number, one.body]));
  return Buffer.concat([...byNumber].toSorted(([a], [b]) => a - b).map(([, body]) => body));
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** A file that is written by the test, with the waiting that a spool gives. */
async function growing(): Promise<GrowingFile & { add(bytes: Buffer): Promise<void>; seal(): void }> {
  const path = join(folder, 'part.pcap');
  await writeFile(path, '');
  const state = { size: 0, sealed: false };
  return {
    path,
    size_bytes: () => state.size,
    sealed: () => state.sealed,
    reaches: async (wanted, signal) => {
      while (state.size < wanted && !state.sealed && !signal.aborted) await delay(1);
    },
    add: async (bytes) => {
      await appendFile(path, bytes);
      state.size += bytes.length;
    },
    seal: () => {
      state.sealed = true;
    },
  };
}

describe('a complete file', () => {
  test.each([0, 1, 24, piece_bytes - 1, piece_bytes, piece_bytes + 1, 3 * piece_bytes, 3 * piece_bytes + 5])(
    'of %i bytes arrives whole',
    async (size) => {
      const bytes = randomBytes(size);
      const done = await uploadFile(world(await fileOf(bytes)));
      expect(object().equals(bytes)).toBe(true);
      expect(done).toMatchObject({ size_bytes: BigInt(size), sha256: sha256(bytes) });
      expect(done.pieces.map((one) => one.number)).toEqual(arrived.map((one) => one.number));
      for (const [index, { length_bytes, md5, etag }] of done.pieces.entries()) {
        const body = bytes.subarray(index * piece_bytes, (index + 1) * piece_bytes);
        const digest = createHash('md5').update(body).digest('hex');
        expect([length_bytes, md5, etag]).toEqual([body.length, digest, digest]);
      }
      expect(requests).toBe(Math.max(1, Math.ceil(size / piece_bytes)));
      expect(at_once_most).toBe(1);
    },
  );

  test('what is asked to be signed is plain data', async () => {
    const made = world(await fileOf(randomBytes(10)));
    await uploadFile(made);
    expect(structuredClone(made.signed)).toEqual([{ number: 1, length_bytes: 10, md5_base64: expect.any(String) }]);
  });
});

describe('a growing file', () => {
  test('each piece leaves as soon as it is full, the last one when the file is sealed', async () => {
    const file = await growing();
    const bytes = randomBytes(2 * piece_bytes + 1000);
    const done = uploadFile(world(file));
    await file.add(bytes.subarray(0, piece_bytes - 1));
    await delay(50);
    expect(requests).toBe(0);
    await file.add(bytes.subarray(piece_bytes - 1, piece_bytes + 10));
    await expect.poll(() => arrived.length).toBe(1);
    await file.add(bytes.subarray(piece_bytes + 10, 2 * piece_bytes));
    await expect.poll(() => arrived.length).toBe(2);
    await file.add(bytes.subarray(2 * piece_bytes));
    await delay(50);
    expect(requests).toBe(2);
    file.seal();
    expect(await done).toMatchObject({ size_bytes: BigInt(bytes.length), sha256: sha256(bytes) });
    expect(object().equals(bytes)).toBe(true);
  });

  test('sealed at the very end of a piece it has no empty one', async () => {
    const file = await growing();
    const done = uploadFile(world(file));
    await file.add(randomBytes(piece_bytes));
    await expect.poll(() => arrived.length).toBe(1);
    file.seal();
    expect((await done).pieces).toHaveLength(1);
    expect(requests).toBe(1);
  });

  test('that is far ahead is sent one piece at a time', async () => {
    const file = await growing();
    const bytes = randomBytes(10 * piece_bytes);
    await file.add(bytes);
    const done = uploadFile(world(file));
    await expect.poll(() => arrived.length).toBe(10);
    file.seal();
    await done;
    expect(at_once_most).toBe(1);
    expect(object().equals(bytes)).toBe(true);
  });

  test('called off while it waits, it stops at once and with the reason', async () => {
    const stop = new AbortController();
    const file = await growing();
    const done = uploadFile(world(file, { signal: stop.signal }));
    stop.abort(new Error('the part is not wanted'));
    await expect(done).rejects.toThrow('the part is not wanted');
  });

  test('a piece that is refused for good ends it although the file still grows', async () => {
    script = [answer(404, 'NoSuchUpload')];
    const file = await growing();
    await file.add(randomBytes(piece_bytes));
    await expect(uploadFile(world(file))).rejects.toMatchObject({ faults: [{ name: 'upload_gone' }] });
  });
});

describe('trouble on the way', () => {
  const cut = (request: IncomingMessage): void => void request.once('data', () => request.socket.destroy());
  const cutAtOnce = (request: IncomingMessage): void => void request.socket.destroy();
  const late = (request: IncomingMessage, response: ServerResponse): void => {
    request.resume();
    request.on('end', () => {
      response.writeHead(200, { 'content-length': '10', etag: '"x"' }).flushHeaders();
      request.socket.destroy();
    });
  };

  test.each<[string, typeof script]>([
    ['503', [answer(503, 'SlowDown'), answer(500), take]],
    ['429', [answer(429), take]],
    ['a digest that did not arrive', [answer(400, 'BadDigest'), take]],
    ['a success without an ETag', [answer(200), take]],
    ['a connection cut in the body', [cut, cut, take]],
    ['a connection cut at once', [cutAtOnce, take]],
    ['an answer that is cut', [late, take]],
    ['an old signature', [answer(403, 'RequestExpired'), answer(403, 'ExpiredToken'), take]],
    ['a refusal that passes', [...Array.from({ length: 9 }, () => answer(403, 'AccessDenied')), take]],
    ['a redirect that passes', [answer(307, '', { location: 'http://127.0.0.1:1/' }), take]],
  ])('%s is tried again', async (_, steps) => {
    script = steps;
    const tries = steps.length;
    const bytes = randomBytes(2 * piece_bytes + 7);
    const made = world(await fileOf(bytes));
    expect(await uploadFile(made)).toMatchObject({ sha256: sha256(bytes) });
    expect(object().equals(bytes)).toBe(true);
    expect(made.warnings).toHaveLength(tries - 1);
    expect(JSON.stringify(made.warnings)).not.toContain('TOPSECRET');
    expect(JSON.stringify(made.warnings)).toContain(new URL(origin).host);
  });

  test('pauses double up to 30 s, and go on for a day', async () => {
    script = [answer(503)];
    const made = world(await fileOf(randomBytes(10)));
    await expect(uploadFile(made)).rejects.toMatchObject({
      faults: [{ name: 'upload_expired', message: expect.stringContaining('24 hours: HTTP 503') }],
    });
    expect(made.slept.slice(0, 8)).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    const slept_h = made.slept.reduce((sum, ms) => sum + ms, 0) / 3_600_000;
    expect(slept_h).toBeGreaterThan(23.9);
    expect(slept_h).toBeLessThanOrEqual(24);
    // Signatures last 15 minutes.
    expect(made.signed.length).toBeGreaterThan(24 * 4);
    expect(made.signed.length).toBeLessThan(24 * 5);
  });

  test('what the server asks for is waited, up to 30 s', async () => {
    script = [answer(503, '', { 'retry-after': '7' }), answer(503, '', { 'retry-after': '3600' }), take];
    const made = world(await fileOf(randomBytes(10)));
    await uploadFile(made);
    expect(made.slept).toEqual([7000, 30_000]);
  });

  test.each<[string, typeof script, string]>([
    ['AccessDenied', [answer(403, 'AccessDenied')], 'HTTP 403 AccessDenied'],
    ['NoSuchBucket', [answer(404, 'NoSuchBucket')], 'HTTP 404 NoSuchBucket'],
    [
      'a redirect',
      [answer(301, '', { location: 'http://127.0.0.1:1/' })],
      'HTTP 301: a redirect, which is not followed',
    ],
  ])('%s ten times in a row is final: upload_refused', async (_, steps, reason) => {
    script = steps;
    const made = world(await fileOf(randomBytes(3 * piece_bytes)));
    const failing = uploadFile(made);
    await expect(failing).rejects.toMatchObject({
      faults: [{ name: 'upload_refused', message: expect.stringContaining(reason) }],
    });
    expect(requests).toBe(10);
    expect(made.warnings.map((one) => one.name)).toEqual(Array(9).fill('upload_refused'));
    await failing.catch((error: Error) => expect(`${error.stack}${String(error.cause)}`).not.toContain('TOPSECRET'));
  });

  test('a redirect is not followed', async () => {
    const trap = createTcpServer(() => {
      throw new Error('followed');
    });
    trap.listen(0, '127.0.0.1');
    await once(trap, 'listening');
    script = [answer(307, '', { location: `http://127.0.0.1:${(trap.address() as AddressInfo).port}/` }), take];
    await uploadFile(world(await fileOf(randomBytes(10))));
    trap.close();
  });

  test('a refused piece is refused before its body is sent', async () => {
    let received = 0;
    server.once('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      request.on('data', (bytes: Buffer) => (received += bytes.length));
      response.writeHead(404).end('<Error><Code>NoSuchUpload</Code></Error>');
    });
    const bytes = randomBytes(piece_bytes);
    await expect(uploadFile(world(await fileOf(bytes)))).rejects.toMatchObject({ faults: [{ name: 'upload_gone' }] });
    expect(received).toBe(0);
  });

  test('a server that never says "continue" gets the body after a second', async () => {
    server.once('checkContinue', (request: IncomingMessage, response: ServerResponse) => void take(request, response));
    const bytes = randomBytes(piece_bytes);
    expect(await uploadFile(world(await fileOf(bytes)))).toMatchObject({ sha256: sha256(bytes) });
  });

  test('called off in the middle of a piece, nothing goes on', async () => {
    const stop = new AbortController();
    script = [() => stop.abort(new Error('shutting down'))];
    const done = uploadFile(world(await fileOf(randomBytes(3 * piece_bytes)), { signal: stop.signal }));
    await expect(done).rejects.toThrow('shutting down');
    expect(requests).toBe(1);
  });

  test('the guard is asked: an endpoint at home is refused', async () => {
    const agents = guardedAgents({ policy: [] });
    const made = world(await fileOf(randomBytes(10)), { agentsFor: () => agents });
    await expect(uploadFile(made)).rejects.toMatchObject({ faults: [{ name: 'endpoint_insecure' }] });
    expect([requests, made.slept.length]).toEqual([0, 9]);
  });
});

describe('signatures', () => {
  test('are asked for again when they are old', async () => {
    const made: World = world(await fileOf(randomBytes(3 * piece_bytes)), {
      sign: async (piece) => {
        const old = !made.signed.some((one) => one.number === piece.number);
        made.signed.push(piece);
        return { ...signedFor(piece, made.clock), ...(old ? { expires_at: made.clock + 1_000_000_000n } : {}) };
      },
    });
    await uploadFile(made);
    expect(made.signed.length).toBe(6);
    expect(requests).toBe(3);
  });

  test('control that does not answer is asked until it does; control that will not sign is believed in the end', async () => {
    const bytes = randomBytes(10);
    let asked = 0;
    const busy = world(await fileOf(bytes), {
      sign: async (piece) => {
        asked += 1;
        return asked < 20 ? raise('bus_timeout', { peer: 'control', limit_ms: 5000 }) : signedFor(piece, busy.clock);
      },
    });
    await uploadFile(busy);
    expect(asked).toBe(20);
    const denied = world(await fileOf(bytes), {
      journal_path: join(folder, 'other'),
      sign: async () => raise('not_found', { what: 'part' }),
    });
    await expect(uploadFile(denied)).rejects.toMatchObject({ faults: [{ name: 'not_found' }] });
    expect(denied.warnings).toHaveLength(9);
  });

  test('of the next piece are asked for while one is on its way', async () => {
    const bytes = randomBytes(3 * piece_bytes);
    const made = world(await fileOf(bytes));
    const seen: number[] = [];
    script = [
      async (request, response) => {
        await expect.poll(() => made.signed.length).toBeGreaterThanOrEqual(2);
        seen.push(made.signed.length);
        await take(request, response);
      },
      take,
    ];
    await uploadFile(made);
    expect(seen).toEqual([2]);
  });
});

describe('going on after a stop', () => {
  test('what was confirmed is not sent again, and the sum is of the whole file', async () => {
    const bytes = randomBytes(5 * piece_bytes + 9);
    const file = await fileOf(bytes);
    const stop = new AbortController();
    script = [take, take, take, () => stop.abort(new Error('crash'))];
    await expect(uploadFile(world(file, { signal: stop.signal }))).rejects.toThrow('crash');
    expect(arrived.map((one) => one.number)).toEqual([1, 2, 3]);
    script = [];
    const done = await uploadFile(world(file));
    expect(arrived.map((one) => one.number)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(done).toMatchObject({ sha256: sha256(bytes), size_bytes: BigInt(bytes.length) });
    expect(done.pieces.map((one) => one.number)).toEqual([1, 2, 3, 4, 5, 6]);
    requests = 0;
    expect(await uploadFile(world(file))).toEqual(done);
    expect(requests).toBe(0);
  });

  test('a piece that the file no longer has is sent as it is now', async () => {
    const bytes = randomBytes(2 * piece_bytes + 9);
    await uploadFile(world(await fileOf(bytes)));
    bytes[piece_bytes] = (bytes[piece_bytes] ?? 0) ^ 1;
    const shorter = bytes.subarray(0, 2 * piece_bytes);
    const done = await uploadFile(world(await fileOf(shorter)));
    expect(arrived.map((one) => one.number)).toEqual([1, 2, 3, 2]);
    expect(done.pieces.map((one) => one.number)).toEqual([1, 2]);
    expect(done.sha256).toBe(sha256(shorter));
  });

  test('a file that is not there is an error at once', async () => {
    await expect(uploadFile(world(sealedFile(join(folder, 'none'), 10)))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a file that is shorter than it was said to be is an error, not a short upload', async () => {
    const path = join(folder, 'short');
    await writeFile(path, 'short');
    await expect(uploadFile(world(sealedFile(path, 10)))).rejects.toThrow('it ends at byte');
    expect(requests).toBe(0);
  });
});

test('the journal is on disk before the next piece leaves', async () => {
  const lines: number[] = [];
  const path = join(folder, 'journal');
  script = [
    async (request, response) => {
      lines.push((await readFile(path, 'utf8')).split('\n').length - 2);
      await take(request, response);
    },
  ];
  await uploadFile(world(await fileOf(randomBytes(4 * piece_bytes))));
  expect(lines).toEqual([0, 1, 2, 3]);
});

test('a fault of this area is a FaultError', () => {
  expect(() => raise('upload_failed', { piece: 1, reason: 'x' })).toThrow(FaultError);
});
