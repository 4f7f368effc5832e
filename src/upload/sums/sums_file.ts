import { type FileHandle, open, readFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { SumPoint } from './sum_point.ts';

/** Where the sums of a file are kept. */
export function sumsPath(path: string): string {
  return `${path}.sums`;
}

/** What a file of sums holds. */
export interface KeptSums {
  readonly piece_bytes: number;
  /** The first bytes of the file that is summed up. */
  readonly header: Uint8Array;
  readonly points: readonly SumPoint[];
}

/** A file of sums that is being written. After a first failure it takes no more: what is behind it could not be read. */
export interface SumsFile {
  /** Adds points. Throws as the system does, once; then nothing is written any more. */
  append(points: readonly SumPoint[]): Promise<void>;
  /** Has the disk take them. Throws as `append`. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

type PointLine = readonly [end_bytes: number, packets: number, bytes: number, checksum: number, whole: 0 | 1];

/**
 * Makes the file of the sums of a file. Text, as an upload's journal: a line for what they are of, then one for each point; each line is the CRC-32
 * of its JSON in eight hexadecimal digits, a space, and the JSON. Throws as the system does.
 */
export async function createSumsFile(
  path: string,
  { piece_bytes, header, points }: KeptSums,
  openFile: (path: string, flags: string, mode: number) => Promise<FileHandle> = open,
): Promise<SumsFile> {
  const file = await openFile(path, 'w', 0o600);
  let broken = false;
  const attempt = async (run: () => Promise<void>): Promise<void> => {
    if (broken) return;
    try {
      await run();
    } catch (error) {
      broken = true;
      throw error;
    }
  };
  const write = async (values: readonly unknown[]): Promise<void> =>
    await attempt(async () => await file.appendFile(values.map(line).join('')));
  const sums: SumsFile = {
    append: async (more) => await write(more.map(pointLine)),
    sync: async () => await attempt(async () => await file.datasync()),
    close: async () => await file.close(),
  };
  try {
    const first = ['edgetap sums', 1, piece_bytes, Buffer.from(header).toString('hex')];
    await write([first, ...points.map(pointLine)]);
    return sums;
  } catch (error) {
    await file.close().catch(() => undefined);
    throw error;
  }
}

/** Reads sums up to the first line that is damaged; undefined where there are none, or they are not to be understood here. */
export async function readSums(path: string): Promise<KeptSums | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const [first, ...lines] = goodLines(text);
  if (!Array.isArray(first) || first[0] !== 'edgetap sums' || first[1] !== 1) return undefined;
  const points = (lines as readonly PointLine[]).map(([end_bytes, packets, bytes, checksum, whole]) => ({
    end_bytes,
    packets,
    bytes,
    checksum,
    whole: whole === 1,
  }));
  return { piece_bytes: Number(first[2]), header: new Uint8Array(Buffer.from(String(first[3]), 'hex')), points };
}

function pointLine({ end_bytes, packets, bytes, checksum, whole }: SumPoint): PointLine {
  return [end_bytes, packets, bytes, checksum, whole ? 1 : 0];
}

function line(value: unknown): string {
  const json = JSON.stringify(value);
  return `${checksumText(json)} ${json}\n`;
}

function goodLines(text: string): unknown[] {
  const values: unknown[] = [];
  for (const one of text.split('\n').slice(0, -1)) {
    const json = one.slice(9);
    if (one.slice(0, 9) !== `${checksumText(json)} `) break;
    values.push(JSON.parse(json));
  }
  return values;
}

function checksumText(json: string): string {
  return crc32(json).toString(16).padStart(8, '0');
}
