import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import type { TimeNs } from '../model/time.ts';
import { allowedRoot } from './allowed_root.ts';
import { type FileCalls, type OpenFile, ownFileCalls } from './file_calls.ts';
import { keySegments } from './object_key.ts';
import { codeOf, inside, openBeneath } from './open_beneath.ts';
import { openFile, partialName, readPartialId } from './partial_file.ts';
import { type PieceTicket, openTicket } from './signed_ticket.ts';

/** Where control takes pieces for file buckets and for staging. */
export const intakePath = '/intake/pieces';

/** The most that one call writes: few large calls cost less than many small ones, because each goes to another thread. */
const write_bytes = 524_288;
/** Pieces that are being put at their places: another one for the same place comes after. */
const placing = new Map<string, Promise<void>>();
let asides = 0;

/** What the intake knows and checks with. */
export interface IntakeOptions {
  /** Every root that a signed URL may lead into: the operator's for `file://`, and staging. */
  readonly allowed_roots: readonly string[];
  /** Gives the file calls for a directory; by default those for edgetap's own directories. */
  readonly callsOf?: (directory: string) => FileCalls;
  /** Newest first; a ticket of any of them is good. */
  readonly signing_keys: readonly Uint8Array[];
  /** The clock that signed the tickets. */
  readonly now: () => TimeNs;
}

/** An HTTP request, as Node's server has it. */
export interface IntakeRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: AsyncIterable<Uint8Array>;
}

/** An HTTP answer. */
export interface IntakeAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A refusal, in the words that S3 has for it: whoever uploads needs to understand one language only. */
class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * Makes the receiver of signed pieces. It checks the ticket before it reads a byte, writes the body into the unfinished
 * object at the piece's place, checks length and MD5, and has it on disk before it answers 200 with the ETag. The same
 * piece may come again: it is checked before it replaces what is there. It never rejects; everything that it refuses is an answer of S3's form.
 */
export function createPieceIntake(options: IntakeOptions): (request: IntakeRequest) => Promise<IntakeAnswer> {
  return async (request) => {
    try {
      const ticket = admit(request, options);
      await receive(ticket, request.body, options);
      const etag = Buffer.from(ticket.md5_base64, 'base64').toString('hex');
      return { status: 200, headers: { etag: `"${etag}"` }, body: '' };
    } catch (error) {
      return answerOf(error);
    }
  };
}

/** The ticket of a request that may go on. */
function admit(request: IntakeRequest, { signing_keys, now }: IntakeOptions): PieceTicket {
  if (request.method !== 'PUT') throw new Refusal(405, 'MethodNotAllowed', 'A piece is sent with PUT.');
  const query = request.url.slice(request.url.indexOf('?') + 1);
  const ticket = openTicket(new URLSearchParams(query).get('ticket') ?? '', signing_keys);
  if (ticket === undefined) throw new Refusal(403, 'SignatureDoesNotMatch', 'The signature is not right.');
  if (now() >= BigInt(ticket.expires_s) * 1_000_000_000n) {
    throw new Refusal(403, 'AccessDenied', 'Request has expired');
  }
  const length = request.headers['content-length'];
  if (length === undefined) throw new Refusal(411, 'MissingContentLength', 'The length of the piece must be given.');
  if (length !== String(ticket.length_bytes)) {
    throw new Refusal(403, 'SignatureDoesNotMatch', 'The length is not the one that was signed.');
  }
  const md5 = request.headers['content-md5'];
  if (md5 !== undefined && md5 !== ticket.md5_base64) {
    throw new Refusal(403, 'SignatureDoesNotMatch', 'The MD5 is not the one that was signed.');
  }
  return ticket;
}

async function receive(
  ticket: PieceTicket,
  body: AsyncIterable<Uint8Array>,
  { allowed_roots, callsOf }: IntakeOptions,
): Promise<void> {
  const { key, upload_id, number, length_bytes } = ticket;
  const allowed = allowedRoot(ticket.directory, allowed_roots);
  const partial = readPartialId(upload_id);
  if (allowed === undefined) throw new Refusal(403, 'AccessDenied', 'This directory is not allowed (any more).');
  if (partial === undefined) throw new Refusal(404, 'NoSuchUpload', 'There is no such upload.');
  if (length_bytes > partial.piece_bytes) throw new Refusal(400, 'EntityTooLarge', 'The piece is too long.');
  const segments = keySegments(key);
  const name = segments.pop() ?? '';
  const calls = callsOf?.(ticket.directory) ?? ownFileCalls;
  const at = await openBeneath(calls, allowed.root, [...allowed.segments, ...segments], false);
  const hidden = partialName(name, upload_id);
  const place = `${ticket.directory} ${key} ${upload_id} ${number}`;
  const before = placing.get(place);
  const over = Promise.withResolvers<void>();
  placing.set(place, over.promise);
  try {
    const base = (number - 1) * partial.piece_bytes;
    const { file: into, facts } = await openFile(calls, at, hidden, constants.O_WRONLY);
    await finishing(calls, at, hidden, into, async (file) => {
      // Nothing is there yet: it goes to its place as it comes.
      if (before === undefined && facts.size <= base) return await take(ticket, body, file, base);
      const aside = await openAside(calls, at, `${hidden}-${number}`);
      try {
        await take(ticket, body, aside, 0);
        await before;
        for (let done = 0; done < length_bytes; ) {
          const bytes = await aside.read(new Uint8Array(Math.min(write_bytes, length_bytes - done)), done);
          await file.writeAll(bytes, base + done);
          done += bytes.length;
        }
      } finally {
        await aside.close();
      }
    });
  } finally {
    over.resolve();
    if (placing.get(place) === over.promise) placing.delete(place);
    await at.close();
  }
}

/** A file without a name, which is gone once it is closed. */
async function openAside(calls: FileCalls, at: OpenFile, name: string): Promise<OpenFile> {
  const { O_CREAT, O_RDWR, O_TRUNC, O_NOFOLLOW } = constants;
  asides += 1;
  const path = inside(at, `${name}-${asides}`);
  const file = await calls.open(path, O_CREAT | O_RDWR | O_TRUNC | O_NOFOLLOW, 0o600);
  await calls.unlink(path);
  return file;
}

/** Writes a body to a position, and checks that it is what was signed. */
async function take(
  { length_bytes, md5_base64 }: PieceTicket,
  body: AsyncIterable<Uint8Array>,
  file: OpenFile,
  base: number,
): Promise<void> {
  const hash = createHash('md5');
  let held: Uint8Array[] = [];
  let [received, written] = [0, 0];
  const write = async (): Promise<void> => {
    const bytes = held.length === 1 && held[0] !== undefined ? held[0] : Buffer.concat(held);
    held = [];
    await file.writeAll(bytes, base + written);
    written += bytes.length;
  };
  for await (const chunk of body) {
    received += chunk.length;
    if (received > length_bytes) throw new Refusal(400, 'EntityTooLarge', 'More came than was signed.');
    hash.update(chunk);
    held.push(chunk);
    if (received - written >= write_bytes) await write();
  }
  if (received > written) await write();
  if (received < length_bytes) throw new Refusal(400, 'IncompleteBody', 'Less came than was signed.');
  if (hash.digest('base64') !== md5_base64) throw new Refusal(400, 'BadDigest', 'The MD5 is not that of the body.');
}

/**
 * Writes into an unfinished object and has the disk take it. Where the disk fails, but for a write that it has no room for, the object
 * goes: a later sync may say that all is well though pages are gone, so everything has to be sent again, to a new one.
 */
async function finishing(
  calls: FileCalls,
  at: OpenFile,
  hidden: string,
  file: OpenFile,
  write: (file: OpenFile) => Promise<void>,
): Promise<void> {
  let written = false;
  try {
    try {
      await write(file);
      written = true;
      await file.datasync();
    } catch (error) {
      await file.close().catch(() => undefined);
      throw error;
    }
    await file.close();
  } catch (error) {
    const full = ['ENOSPC', 'EDQUOT'].includes(codeOf(error));
    const refused = !(error instanceof Refusal) && error instanceof Error && 'errno' in error;
    if (refused && (written || !full)) await calls.unlink(inside(at, hidden)).catch(() => undefined);
    throw error;
  }
}

function answerOf(error: unknown): IntakeAnswer {
  const { status, code, message } = error instanceof Refusal ? error : refusalOf(error);
  return {
    status,
    // What is left of the body is not read: the connection cannot be used again.
    headers: { 'content-type': 'application/xml', connection: 'close' },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>\n`,
  };
}

function refusalOf(error: unknown): Refusal {
  const code = codeOf(error);
  if (code === 'ENOENT') return new Refusal(404, 'NoSuchUpload', 'There is no such upload (any more).');
  if (code === 'ETIMEDOUT') return new Refusal(503, 'SlowDown', 'The file system of this bucket does not answer.');
  if (code === 'ENOSPC' || code === 'EDQUOT') return new Refusal(507, 'InsufficientStorage', 'The disk is full.');
  if (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ELOOP', 'EMLINK'].includes(code)) {
    return new Refusal(403, 'AccessDenied', `The directory cannot be written (${code}).`);
  }
  return new Refusal(500, 'InternalError', code === '' ? 'The piece could not be taken.' : code);
}
