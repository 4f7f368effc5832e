import { createWriteStream, existsSync, statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ApiClient } from '../client/api_client.ts';
import { ApiError } from '../client/api_error.ts';
import type { CaptureFile } from '../client/download_capture.ts';
import { FaultError, fault } from '../model/errors/fault.ts';
import type { CommandContext } from './command_context.ts';
import { bytesText } from './human.ts';
import { createProgress } from './progress.ts';

/** How saving a file ended. */
export type Saved =
  | { readonly outcome: 'saved'; readonly path: string; readonly size_bytes: number }
  /** Written to standard output, or whoever read it has gone. */
  | { readonly outcome: 'piped' }
  | { readonly outcome: 'interrupted' };

/**
 * Fetches a capture's file into `target`: a path, a directory, or `-` for standard output. A file appears under its name only once it
 * is whole; what was there before stays until then. Ctrl-C ends it and leaves nothing behind.
 *
 * @throws {ApiError}
 * @throws {FaultError} `output_failed`, `server_unreachable`, `answer_unreadable`
 */
export async function saveFile(
  client: ApiClient,
  capture_id: string,
  target: string,
  { io }: CommandContext,
): Promise<Saved> {
  const progress = createProgress(io);
  const interrupted = new AbortController();
  const unsubscribe = io.onInterrupt(() => interrupted.abort());
  const { signal } = interrupted;
  try {
    const file = await client.download(capture_id, signal);
    const source = Readable.from(
      counted(file, (text) => progress.line(text)),
      { objectMode: false },
    );
    if (target === '-') {
      await pipeline(source, io.stdout, { signal, end: false });
      return { outcome: 'piped' };
    }
    const path = isDirectory(target) ? join(target, file.filename) : target;
    await writeWhole(source, path, io.randomId(), signal);
    return { outcome: 'saved', path, size_bytes: file.size_bytes };
  } catch (error) {
    if (signal.aborted) return { outcome: 'interrupted' };
    if (codeOf(error) === 'EPIPE') return { outcome: 'piped' };
    throw failureOf(error, target);
  } finally {
    progress.clear();
    unsubscribe();
  }
}

/** Writes beside the file's place and has the disk take it, then puts it there. A pipe or a device has no place beside it and is written at once. */
async function writeWhole(source: Readable, path: string, random: string, signal: AbortSignal): Promise<void> {
  const direct = existsSync(path) && !statSync(path).isFile();
  const part = direct ? path : join(dirname(path), `.${basename(path)}.${random}.part`);
  try {
    await pipeline(source, createWriteStream(part, { flags: direct ? 'w' : 'wx', flush: !direct }), { signal });
    if (!direct) await rename(part, path);
  } catch (error) {
    if (!direct) await rm(part, { force: true });
    throw failureOf(error, path);
  }
}

async function* counted(file: CaptureFile, say: (text: string) => void): AsyncGenerator<Uint8Array> {
  let passed = 0;
  for await (const chunk of file.chunks) {
    yield chunk;
    passed += chunk.length;
    const percent = file.size_bytes === 0 ? 100 : Math.floor((passed * 100) / file.size_bytes);
    say(`downloading  ${percent} % of ${bytesText(file.size_bytes)}`);
  }
}

function isDirectory(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Errors of the system are told as ours; what is one of ours already stays. */
function failureOf(error: unknown, path: string): unknown {
  if (error instanceof FaultError || error instanceof ApiError || !(error instanceof Error)) return error;
  if (error.name === 'AbortError' || codeOf(error) === 'EPIPE') return error;
  return new FaultError([fault('output_failed', { path, reason: error.message })], { cause: error });
}
