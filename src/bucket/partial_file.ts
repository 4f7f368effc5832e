import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import type { FileCalls, OpenFile } from './file_calls.ts';
import type { FileFacts } from './file_facts.ts';
import type { UploadedPiece } from '../model/piece.ts';
import { inside } from './open_beneath.ts';

/** A file bucket's upload id carries the piece size, because a piece's number alone says where it goes. */
export interface PartialId {
  readonly upload_id: string;
  readonly piece_bytes: number;
}

/** Makes an upload id of 16 random bytes. */
export function partialId(random: Uint8Array, piece_bytes: number): PartialId {
  return { upload_id: `${Buffer.from(random).toString('hex')}-${piece_bytes}`, piece_bytes };
}

/** Reads an upload id back; undefined for any other text. */
export function readPartialId(upload_id: string): PartialId | undefined {
  const found = /^[0-9a-f]{32}-([1-9]\d{0,12})$/.exec(upload_id);
  return found === null ? undefined : { upload_id, piece_bytes: Number(found[1]) };
}

/** The name that an unfinished object has beside its final one: hidden, and its own for each upload. */
export function partialName(name: string, upload_id: string): string {
  return `.${name}.${upload_id}.partial`;
}

/** What such a name stands for; undefined for any other. */
export function readPartialName(file: string): { readonly name: string; readonly upload_id: string } | undefined {
  const found = /^\.(.+)\.([0-9a-f]{32}-\d+)\.partial$/.exec(file);
  const [, name, upload_id] = found ?? [];
  if (name === undefined || upload_id === undefined || readPartialId(upload_id) === undefined) return undefined;
  return { name, upload_id };
}

/** An open file, and what it was when it was opened. */
export interface OpenedFile {
  readonly file: OpenFile;
  readonly facts: FileFacts;
}

/**
 * Opens an existing file of an open directory, never through a link, and without waiting for the other end of a pipe. One that has another
 * name, too, fails with EMLINK: that may be somebody else's.
 */
export async function openFile(
  calls: FileCalls,
  directory: OpenFile,
  name: string,
  flags: number,
): Promise<OpenedFile> {
  const file = await calls.open(inside(directory, name), flags | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const facts = await file.stat();
    if (facts.nlink > 1) throw Object.assign(new Error('it has another name'), { code: 'EMLINK' });
    return { file, facts };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Makes a new file in an open directory; fails with EEXIST when the name is taken. */
export async function createFile(calls: FileCalls, directory: OpenFile, name: string): Promise<OpenFile> {
  const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
  return await calls.open(inside(directory, name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o640);
}

/** Can these be the pieces of that upload: all of the upload's piece size, the last one at most that? */
export function fitsUpload(upload_id: string, pieces: readonly UploadedPiece[]): boolean {
  const piece_bytes = readPartialId(upload_id)?.piece_bytes ?? 0;
  return pieces.every(({ length_bytes }, index) =>
    index === pieces.length - 1 ? length_bytes <= piece_bytes : length_bytes === piece_bytes,
  );
}

/** Is the file made of exactly these pieces, byte for byte? Reads it from the disk, a megabyte at a time. */
export async function hasPieces(file: OpenFile, pieces: readonly UploadedPiece[]): Promise<boolean> {
  const { size } = await file.stat();
  if (size !== pieces.reduce((sum, piece) => sum + piece.length_bytes, 0)) return false;
  const buffer = Buffer.allocUnsafe(1_048_576);
  let position = 0;
  for (const { length_bytes, md5 } of pieces) {
    const hash = createHash('md5');
    for (const end = position + length_bytes; position < end; ) {
      const bytes = await file.read(buffer.subarray(0, end - position), position);
      if (bytes.length === 0) return false;
      hash.update(bytes);
      position += bytes.length;
    }
    if (hash.digest('hex') !== md5) return false;
  }
  return true;
}
