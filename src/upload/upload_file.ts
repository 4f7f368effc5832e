import { type Hash, createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { raise } from '../model/errors/fault.ts';
import type { UploadedPiece } from '../model/piece.ts';
import { type DeliveryWorld, type OutgoingPiece, deliverPiece, orderOf } from './deliver_piece.ts';
import type { ByteReader, GrowingFile } from './growing_file.ts';
import { openLenientJournal } from './lenient_journal.ts';
import { SumCheck } from './sums/sum_check.ts';
import type { UploadJournal } from './upload_journal.ts';

/** What to upload, and with what. */
export interface UploadOptions extends DeliveryWorld {
  readonly file: GrowingFile;
  /** Size of every piece but the last. */
  readonly piece_bytes: number;
  /** Beside the file; one for each upload. Who starts another upload of the file gives another one. */
  readonly journal_path: string;
  readonly signal: AbortSignal;
  /** Hears of every piece once it is in the bucket and in the journal. */
  readonly arrived?: (piece: UploadedPiece) => void;
}

/** A file whose every piece is in the bucket. */
export interface UploadedFile {
  /** In order, from number 1. */
  readonly pieces: readonly UploadedPiece[];
  readonly size_bytes: bigint;
  /** Of the whole file, as it is on disk; 64 hexadecimal characters. */
  readonly sha256: string;
}

const read_bytes = 262_144;

/**
 * Uploads a file in pieces while it grows: a piece as soon as it is full, the last one once the file is sealed. One piece is
 * on its way at a time, and the next one is hashed and signed meanwhile; each is journalled as soon as the bucket confirmed
 * it. After a crash the same call goes on where it was and sends at most one piece again. Memory does not depend on the size
 * of pieces or file. When it fails, nothing of it is still running.
 * @throws {FaultError} see `deliverPiece`; `journal_invalid`; `part_file_damaged` where the file is not what its sums say, or not
 *   what it was when it was first read: of that nothing is taken as sent
 */
export async function uploadFile(options: UploadOptions): Promise<UploadedFile> {
  const journal = await openLenientJournal(options.journal_path, options.piece_bytes, options.warn);
  try {
    const file = await (options.file.open?.() ?? open(options.file.path, 'r'));
    try {
      return await uploadOpen(options, file, journal);
    } finally {
      await file.close();
    }
  } finally {
    await journal.close();
  }
}

async function uploadOpen(options: UploadOptions, file: ByteReader, journal: UploadJournal): Promise<UploadedFile> {
  const { file: source, piece_bytes } = options;
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const pieces: UploadedPiece[] = [];
  const whole = createHash('sha256');
  const check = new SumCheck(() => source.sums?.() ?? []);
  let size_bytes = 0;
  let previous: Promise<void> = Promise.resolve();
  let sending: Promise<void> = Promise.resolve();

  const send = async (piece: OutgoingPiece, before: Promise<void>): Promise<void> => {
    const signing = options.sign(orderOf(piece), signal);
    // Whoever awaits it sees its failure.
    signing.catch(() => undefined);
    await before;
    const uploaded = await deliverPiece(piece, options, signal, signing);
    await journal.append(uploaded);
    pieces[piece.number - 1] = uploaded;
    options.arrived?.(uploaded);
  };

  try {
    for (let number = 1, ended = false; !ended; number += 1) {
      await source.reaches(size_bytes + piece_bytes, signal);
      signal.throwIfAborted();
      // In this order: what is sealed has its last size.
      const sealed = source.sealed();
      const there_bytes = source.size_bytes() - size_bytes;
      if (!sealed && there_bytes < piece_bytes) throw new RangeError(`${source.path} has no full piece ${number} yet`);
      ended = sealed && there_bytes <= piece_bytes;
      // It was sealed after its last full piece.
      if (there_bytes === 0 && number > 1) break;
      const piece = await readPiece(
        { path: source.path, file, start: size_bytes, length_bytes: Math.min(piece_bytes, there_bytes) },
        number,
        whole,
        check,
      );
      size_bytes += piece.length_bytes;
      const kept = journal.pieces.get(number);
      if (kept?.md5 === piece.md5 && kept.length_bytes === piece.length_bytes) {
        pieces[number - 1] = kept;
        continue;
      }
      await previous;
      previous = sending;
      sending = send(piece, previous);
      sending.catch((error: unknown) => failed.abort(error));
    }
    await sending;
    return { pieces, size_bytes: BigInt(size_bytes), sha256: whole.digest('hex') };
  } catch (error) {
    failed.abort(error);
    await Promise.allSettled([previous, sending]);
    throw options.signal.aborted ? options.signal.reason : failed.signal.reason;
  }
}

/** A stretch of an open file. */
interface Stretch {
  readonly path: string;
  readonly file: ByteReader;
  readonly start: number;
  readonly length_bytes: number;
}

/** Reads a piece once, for its own digest and for the whole file's, and compares it with the file's sums. */
async function readPiece(of: Stretch, number: number, whole: Hash, check: SumCheck): Promise<OutgoingPiece> {
  const hash = createHash('md5');
  const before = check.checksum;
  for await (const chunk of readBytes(of)) {
    hash.update(chunk);
    whole.update(chunk);
    const wrong = check.add(chunk);
    if (wrong !== undefined) damaged(of, `bytes ${wrong.from} to ${wrong.to} have another checksum`);
  }
  const digest = hash.digest();
  const after = check.checksum;
  return {
    number,
    length_bytes: of.length_bytes,
    md5: digest.toString('hex'),
    md5_base64: digest.toString('base64'),
    bytes: () => readAgain(of, before, after),
  };
}

/** Reads what was read before: where it is something else now, its last bytes do not come. */
async function* readAgain(of: Stretch, before: number, after: number): AsyncGenerator<Uint8Array> {
  let checksum = before;
  let left = of.length_bytes;
  for await (const chunk of readBytes(of)) {
    checksum = crc32(chunk, checksum);
    left -= chunk.length;
    if (left === 0 && checksum !== after) {
      damaged(of, `bytes ${of.start} to ${of.start + of.length_bytes} are not what they were before`);
    }
    yield chunk;
  }
}

async function* readBytes(of: Stretch): AsyncGenerator<Uint8Array> {
  const { file, start, length_bytes } = of;
  for (let done = 0; done < length_bytes; ) {
    // A buffer of its own each time: the one before may still be on its way to the socket.
    const buffer = Buffer.allocUnsafe(Math.min(read_bytes, length_bytes - done));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, start + done);
    if (bytesRead === 0) damaged(of, `it ends at byte ${start + done}, before the ${start + length_bytes} that it had`);
    yield buffer.subarray(0, bytesRead);
    done += bytesRead;
  }
}

function damaged({ path }: Stretch, reason: string): never {
  raise('part_file_damaged', { path, reason });
}
