import { constants } from 'node:fs';
import { access, mkdir, readdir, rename, stat, unlink } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { type FileFacts, factsOf } from './file_facts.ts';
import { openOwnFile } from './own_file.ts';

/** A file or directory that is open. */
export interface OpenFile {
  readonly fd: number;
  /** Writes all of the bytes at a position. */
  writeAll(bytes: Uint8Array, position: number): Promise<void>;
  /** Reads at most as many bytes as the buffer has; what it gives may be in the buffer, and is empty at the end of the file. */
  read(buffer: Uint8Array, position: number): Promise<Uint8Array>;
  /** Has the disk take all of it. */
  sync(): Promise<void>;
  /** Has the disk take its content. */
  datasync(): Promise<void>;
  stat(): Promise<FileFacts>;
  /** The bytes from `first` to `last`, both included; closes the file in the end. */
  stream(first: number, last: number, chunk_bytes: number): Readable;
  close(): Promise<void>;
}

/** Calls on a file system, which fail with the system's errors. */
export interface FileCalls {
  open(path: string, flags: number, mode?: number): Promise<OpenFile>;
  mkdir(path: string, mode: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  readdir(path: string): Promise<readonly string[]>;
  /** Is it there, whatever it is? */
  stat(path: string): Promise<FileFacts>;
  /** May this process make files in this directory? */
  requireWritable(path: string): Promise<void>;
}

/** Calls on file systems that are edgetap's own: if these hang, it does. */
export const ownFileCalls: FileCalls = {
  open: openOwnFile,
  mkdir: async (path, mode) => await mkdir(path, mode),
  rename: async (from, to) => await rename(from, to),
  unlink: async (path) => await unlink(path),
  readdir: async (path) => await readdir(path),
  stat: async (path) => factsOf(await stat(path)),
  requireWritable: async (path) => await access(path, constants.W_OK | constants.X_OK),
};

/** The stream of a file that is read piece by piece. */
export function streamOf(file: OpenFile, first: number, last: number, chunk_bytes: number): Readable {
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for (let at = first; at <= last; ) {
        const bytes = await file.read(new Uint8Array(Math.min(chunk_bytes, last - at + 1)), at);
        if (bytes.length === 0) return;
        at += bytes.length;
        yield bytes;
      }
    } finally {
      await file.close();
    }
  };
  return Readable.from(chunks(), { objectMode: false });
}
