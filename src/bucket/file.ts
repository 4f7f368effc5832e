import { constants } from 'node:fs';
import { type Destination, canonicalDestination } from '../model/destination.ts';
import { FaultError, raise } from '../model/errors/fault.ts';
import type { UploadedPiece } from '../model/piece.ts';
import type { TimeNs } from '../model/time.ts';
import { allowedRoot } from './allowed_root.ts';
import type { Bucket, StoredObject, StreamOptions, Upload } from './bucket.ts';
import { checkPieces } from './check_pieces.ts';
import { type FileCalls, type OpenFile, ownFileCalls } from './file_calls.ts';
import { fileFault } from './file_fault.ts';
import { keySegments } from './object_key.ts';
import { codeOf, inside, openBeneath } from './open_beneath.ts';
import { createFile, fitsUpload, hasPieces, openFile, partialId, partialName, readPartialId } from './partial_file.ts';
import { intakePath } from './piece_intake.ts';
import { putStream } from './put_stream.ts';
import { signTicket } from './signed_ticket.ts';

/** How to open a directory as a bucket. */
export interface FileBucketOptions {
  readonly destination: Extract<Destination, { readonly scheme: 'file' }>;
  /** Directories that the operator allows; the destination must lie in one. */
  readonly allowed_roots: readonly string[];
  /** The name of the only directory in such a root that it may be, or lie below; it is made on demand. */
  readonly only_below?: string;
  /** What reaches its file system; by default what edgetap's own directories are reached by. */
  readonly calls?: FileCalls;
  /** Where this edgetap's `/intake/pieces` is reached, as in `http://127.0.0.1:8787`. */
  readonly intake_url: string;
  /** Keys for signed URLs, newest first; 32 bytes each. */
  readonly signing_keys: readonly Uint8Array[];
  /** The clock that the intake goes by. */
  readonly now: () => TimeNs;
  /** `count` random bytes, unpredictable. */
  readonly random_bytes: (count: number) => Uint8Array;
}

const signature_s = 900n;
const levels_max = 8;
/** Nearly every look-back's file is one read. */
const read_max_bytes = 2_097_152;
const { O_RDONLY, O_RDWR, O_WRONLY } = constants;

/**
 * Opens a directory as a bucket. Objects appear whole or not at all: they are written under a hidden name, synced, and renamed.
 * @throws {FaultError} `bucket_directory_refused` when the destination lies in no allowed root, `bucket_directory_deep` when it lies too deep in one
 */
export function openFileBucket(options: FileBucketOptions): Bucket {
  const { only_below, signing_keys, now, random_bytes, calls = ownFileCalls } = options;
  const { directory } = options.destination;
  const destination = canonicalDestination(options.destination);
  const allowed_directories = options.allowed_roots.map((root) =>
    only_below === undefined ? root : `${root}/${only_below}`,
  );
  const within_roots = { allowed: allowed_directories.join(', ') };
  const allowed = allowedRoot(directory, options.allowed_roots) ?? raise('bucket_directory_refused', within_roots);
  if (only_below !== undefined && allowed.segments[0] !== only_below) raise('bucket_directory_refused', within_roots);
  if (allowed.segments.length > levels_max)
    raise('bucket_directory_deep', { limit: levels_max, allowed: allowed.root });

  /** Runs a step in the directory that a key's file is in. */
  const within = async <T>(
    key: string,
    create: boolean,
    step: (at: OpenFile, name: string) => Promise<T>,
  ): Promise<T> => {
    const segments = keySegments(key);
    const name = segments.pop() ?? '';
    try {
      const at = await openBeneath(calls, allowed.root, [...allowed.segments, ...segments], create);
      try {
        return await step(at, name);
      } finally {
        await at.close();
      }
    } catch (error) {
      throw fileFault(error, destination, allowed_directories);
    }
  };

  /** Writes in one go; `started` hears of the unfinished object before there is anything in it. */
  const writeWhole = (key: string, bytes: Uint8Array, started?: StreamOptions['started']): Promise<StoredObject> =>
    within(key, true, async (at, name) => {
      const { upload_id } = partialId(random_bytes(16), 1);
      const hidden = partialName(name, upload_id);
      await started?.({ key, upload_id });
      const file = await createFile(calls, at, hidden);
      try {
        await file.writeAll(bytes, 0);
        await file.sync();
      } catch (error) {
        await file.close().catch(() => undefined);
        await calls.unlink(inside(at, hidden)).catch(() => undefined);
        throw error;
      }
      try {
        await file.close();
        await calls.rename(inside(at, hidden), inside(at, name));
      } catch (error) {
        await calls.unlink(inside(at, hidden)).catch(() => undefined);
        throw error;
      }
      await at.sync();
      return { size_bytes: BigInt(bytes.length) };
    });

  const startUpload = (key: string, piece_bytes: number): Promise<string> =>
    within(key, true, async (at, name) => {
      const { upload_id } = partialId(random_bytes(16), piece_bytes);
      const file = await createFile(calls, at, partialName(name, upload_id));
      await file.close();
      await at.sync();
      return upload_id;
    });

  const completeUpload = (order: Upload & { pieces: readonly UploadedPiece[] }): Promise<StoredObject> =>
    within(order.key, false, async (at, name) => {
      const { key, pieces, upload_id } = order;
      const size_bytes = checkPieces(destination, pieces);
      const hidden = partialName(name, upload_id);
      const moved = await ifThere(async () => {
        await usingFile(calls, at, hidden, O_RDWR, async (file) => {
          const good = fitsUpload(upload_id, pieces) && (await hasPieces(file, pieces));
          if (!good) raise('bucket_checksum', { destination });
          await syncOnce(calls, at, hidden, file, { destination, key });
        });
        await calls.rename(inside(at, hidden), inside(at, name));
        await at.sync();
        return true;
      });
      // Completed before, and the answer got lost?
      const there =
        moved ?? (await ifThere(() => usingFile(calls, at, name, O_RDONLY, (file) => hasPieces(file, pieces))));
      return there === true ? { size_bytes } : raise('upload_gone', { destination, key });
    });

  const abortUpload = ({ key, upload_id }: Upload): Promise<void> =>
    within(key, false, async (at, name) => {
      if (readPartialId(upload_id) === undefined) return;
      await ifThere(() => calls.unlink(inside(at, partialName(name, upload_id))));
    }).catch(ignoreMissing);

  return {
    destination,
    writeObject: (key, bytes) => writeWhole(key, bytes),
    startUpload,
    completeUpload,
    abortUpload,
    signPiece: async ({ key, upload_id, piece }) => {
      const expires_s = now() / 1_000_000_000n + signature_s;
      keySegments(key);
      const ticket = signTicket({ directory, key, upload_id, ...piece, expires_s: Number(expires_s) }, signing_keys);
      return {
        url: `${options.intake_url.replace(/\/$/, '')}${intakePath}?ticket=${ticket}`,
        method: 'PUT',
        headers: { 'content-length': String(piece.length_bytes), 'content-md5': piece.md5_base64 },
        expires_at: expires_s * 1_000_000_000n,
        // In whole seconds, cut: no longer than the ticket.
        valid_ns: (signature_s - 1n) * 1_000_000_000n,
        own: true,
      };
    },
    putStream: (key, bytes, streaming) =>
      putStream(key, bytes, streaming, {
        writeObject: (whole_key, whole) => writeWhole(whole_key, whole, streaming.started),
        startUpload,
        completeUpload,
        abortUpload,
        sendPiece: ({ upload_id }, { number, md5_base64 }, body) =>
          within(key, false, async (at, name) => {
            const position = (number - 1) * streaming.piece_bytes;
            await usingFile(calls, at, partialName(name, upload_id), O_WRONLY, async (file) => {
              await file.writeAll(body, position);
              // On the descriptor that wrote: another one may not hear of what is lost.
              await file.datasync();
            });
            return Buffer.from(md5_base64, 'base64').toString('hex');
          }),
      }),
    readObject: (key, range, chunk_bytes = read_max_bytes) =>
      within(key, false, async (at, name) => {
        // The stream owns the file from here on and closes it.
        const { file, facts } = await openFile(calls, at, name, O_RDONLY);
        const size_bytes = BigInt(facts.size);
        const [first, last] = range === undefined ? [0n, size_bytes - 1n] : [range.first, range.last];
        const length_bytes = last - first + 1n;
        const highWaterMark = Math.max(1, Math.min(chunk_bytes, Number(length_bytes)));
        const body = file.stream(Number(first), Math.max(0, Number(last)), highWaterMark);
        return { body, length_bytes, size_bytes, version: facts.version };
      }).catch((error: unknown) => {
        if (!(error instanceof FaultError && error.faults[0].name === 'bucket_missing')) throw error;
        return raise('bucket_read_failed', { destination, reason: 'no such object' });
      }),
    removeObject: (key) =>
      within(key, false, async (at, name) => {
        await ifThere(() => calls.unlink(inside(at, name)));
        await at.sync();
      }).catch(ignoreMissing),
  };
}

async function usingFile<T>(
  calls: FileCalls,
  at: OpenFile,
  name: string,
  flags: number,
  step: (file: OpenFile) => Promise<T>,
): Promise<T> {
  const { file } = await openFile(calls, at, name, flags);
  try {
    return await step(file);
  } finally {
    await file.close();
  }
}

/**
 * Has the disk take an unfinished object. Where it does not, the object goes, and everything has to be sent again: a second sync may say that
 * all is well though pages are gone.
 */
async function syncOnce(
  calls: FileCalls,
  at: OpenFile,
  hidden: string,
  file: OpenFile,
  of: { readonly destination: string; readonly key: string },
): Promise<void> {
  try {
    await file.sync();
  } catch (cause) {
    await calls.unlink(inside(at, hidden)).catch(() => undefined);
    raise('upload_gone', of, { cause });
  }
}

/** The step's result; undefined when the file that it is about is not there. */
async function ifThere<T>(step: () => Promise<T>): Promise<T | undefined> {
  try {
    return await step();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Swallows that the directory is not there: then neither is what should be gone from it. */
function ignoreMissing(error: unknown): void {
  if (!(error instanceof FaultError && error.faults[0].name === 'bucket_missing')) throw error;
}
