import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { raise } from '../model/errors/fault.ts';
import type { UploadedPiece } from '../model/piece.ts';

/**
 * What has arrived of an upload, kept beside the file that is sent. Text: a line for the header, then one for each piece
 * that the bucket has confirmed; each line is the CRC-32 of its JSON in eight hexadecimal digits, a space, and the JSON.
 */
export interface UploadJournal {
  /** By number. */
  readonly pieces: ReadonlyMap<number, UploadedPiece>;
  /** Adds a piece; it is on disk when this resolves. */
  append(piece: UploadedPiece): Promise<void>;
  close(): Promise<void>;
}

type Header = readonly ['edgetap upload', 1, number];
type PieceLine = readonly [number: number, length_bytes: number, md5: string, etag: string];

/**
 * Opens the journal, and makes it when it is not there. It is good up to its first damaged line (a crash leaves half a
 * line at the end); what comes after that is cut off, and those pieces are sent again.
 * @throws {FaultError} `journal_invalid` when it belongs to an upload with another piece size, or to a newer edgetap
 */
export async function openUploadJournal(path: string, piece_bytes: number): Promise<UploadJournal> {
  const file = await open(path, 'a+', 0o600);
  try {
    const text = await file.readFile('utf8');
    const [first, ...rest] = goodLines(text);
    const pieces = new Map<number, UploadedPiece>();
    if (first === undefined) {
      await file.truncate(0);
      await writeLine(file, ['edgetap upload', 1, piece_bytes] satisfies Header);
      await syncDirectory(path);
    } else {
      checkHeader(first.value, piece_bytes, path);
      for (const { value } of rest) {
        const [number, length_bytes, md5, etag] = value as PieceLine;
        pieces.set(number, { number, length_bytes, md5, etag });
      }
      await file.truncate((rest.at(-1) ?? first).end_bytes);
    }
    return {
      pieces,
      append: async (piece) => {
        await writeLine(file, [piece.number, piece.length_bytes, piece.md5, piece.etag] satisfies PieceLine);
        pieces.set(piece.number, piece);
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

interface GoodLine {
  readonly value: unknown;
  /** Where the line ends in the file, its line feed included. */
  readonly end_bytes: number;
}

function goodLines(text: string): GoodLine[] {
  const lines: GoodLine[] = [];
  let end_bytes = 0;
  for (const line of text.split('\n').slice(0, -1)) {
    const json = line.slice(9);
    if (line.slice(0, 9) !== `${checksum(json)} `) break;
    end_bytes += Buffer.byteLength(line) + 1;
    lines.push({ value: JSON.parse(json), end_bytes });
  }
  return lines;
}

function checkHeader(value: unknown, piece_bytes: number, path: string): void {
  const [kind, version, journal_piece_bytes] = value as readonly unknown[];
  if (kind !== 'edgetap upload' || version !== 1) {
    raise('journal_invalid', { path, reason: `it is "${String(kind)}" version ${String(version)}` });
  }
  if (journal_piece_bytes !== piece_bytes) {
    raise('journal_invalid', {
      path,
      reason: `its pieces have ${String(journal_piece_bytes)} bytes, not ${piece_bytes}`,
    });
  }
}

async function writeLine(file: FileHandle, value: Header | PieceLine): Promise<void> {
  const json = JSON.stringify(value);
  await file.appendFile(`${checksum(json)} ${json}\n`);
  await file.datasync();
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(8, '0');
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
