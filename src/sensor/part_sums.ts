import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { Part } from '../capture/part.ts';
import { SumBuilder } from '../upload/sums/sum_builder.ts';
import type { FileSums, SumPoint } from '../upload/sums/sum_point.ts';
import { createSumsFile, type KeptSums, readSums, type SumsFile, sumsPath } from '../upload/sums/sums_file.ts';
import type { Clock } from './clock.ts';

/** The sums of a part's file, which may still grow. */
export interface PartSums extends FileSums {
  /** Nothing is added any more. */
  readonly sealed: boolean;
  /** Resolves then. */
  readonly complete: Promise<void>;
}

/** What following a part takes. */
export interface PartSumsDeps {
  readonly piece_bytes: number;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Hears what keeps the sums from being written down; they are still known here. */
  readonly warn: (error: unknown) => void;
}

/** Sums that grow with a part. */
export interface GrowingSums {
  readonly sums: PartSums;
  /**
   * Sums the rest up, to `file_bytes`, once the part has ended, and then keeps all of it on the disk; the sums are complete before that. Never
   * rejects: what cannot be read has no sums.
   */
  finish(file_bytes: number): Promise<void>;
}

const look_ms = 100;
const read_bytes = 1 << 20;
/** While little comes a point is made at most so often, and at most so often in all that time. */
const settle_ns = 1_000_000_000n;
const settle_share = 2048n;

/**
 * Sums a part's file up as it grows, out of the page cache right after it was written: from then on every reader can tell whether it
 * is what the capture wrote. The sums are kept beside the file for whoever comes after this process.
 */
export function followPart(part: Part, deps: PartSumsDeps): GrowingSums {
  return new PartFollower(part, deps);
}

class PartFollower implements GrowingSums {
  readonly sums: PartSums;
  readonly #part: Part;
  readonly #deps: PartSumsDeps;
  readonly #stopped = new AbortController();
  readonly #buffer = Buffer.allocUnsafe(read_bytes);
  readonly #following: Promise<void>;
  #builder: SumBuilder;
  #file: FileHandle | undefined;
  #kept: SumsFile | undefined;
  #kept_points = 0;
  #sealed = false;
  readonly #complete = Promise.withResolvers<void>();
  #unreadable = false;
  readonly #begun: bigint;
  #settled: bigint;

  constructor(part: Part, deps: PartSumsDeps) {
    this.#part = part;
    this.#deps = deps;
    this.#begun = deps.clock.monotonic();
    this.#settled = this.#begun;
    this.#builder = new SumBuilder(deps.piece_bytes);
    const points = (): readonly SumPoint[] => this.#builder.points;
    const length = (): number => this.#builder.length;
    const sealed = (): boolean => this.#sealed;
    this.sums = {
      complete: this.#complete.promise,
      get points() {
        return points();
      },
      get length() {
        return length();
      },
      get sealed() {
        return sealed();
      },
    };
    this.#following = this.#follow();
  }

  async finish(file_bytes: number): Promise<void> {
    this.#stopped.abort();
    await this.#following;
    // What the disk has not confirmed was cut off again.
    if (this.#builder.length > file_bytes) this.#goBack(file_bytes);
    await this.#readTo(file_bytes);
    this.#builder.settle();
    this.#sealed = true;
    this.#complete.resolve();
    await this.#keep(true);
    await this.#leniently(async () => await this.#kept?.close());
    await this.#file?.close().catch(() => undefined);
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const { file_bytes } = this.#part.progress();
      if (file_bytes > this.#builder.length) await this.#readTo(file_bytes);
      const now = this.#deps.clock.monotonic();
      const pause_ns = (now - this.#begun) / settle_share;
      if (now - this.#settled >= (pause_ns > settle_ns ? pause_ns : settle_ns)) {
        this.#settled = now;
        this.#builder.settle();
        await this.#keep(false);
      }
      await pause(look_ms, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  async #readTo(file_bytes: number): Promise<void> {
    if (this.#unreadable) return;
    try {
      this.#file ??= await open(this.#part.path, 'r');
      while (this.#builder.length < file_bytes) {
        const wanted = Math.min(read_bytes, file_bytes - this.#builder.length);
        const { bytesRead } = await this.#file.read(this.#buffer, 0, wanted, this.#builder.length);
        if (bytesRead === 0)
          throw new Error(`${this.#part.path} ends at ${this.#builder.length} of ${file_bytes} bytes`);
        this.#builder.add(this.#buffer.subarray(0, bytesRead));
      }
    } catch (error) {
      // The file is not what was written: whoever reads it meets that where the sums end.
      this.#unreadable = true;
      this.#deps.warn(error);
    }
  }

  #goBack(file_bytes: number): void {
    const points = [...this.#builder.points];
    while (points.length > 0 && !((points.at(-1)?.end_bytes ?? 0) <= file_bytes && points.at(-1)?.whole === true)) {
      points.pop();
    }
    this.#builder = new SumBuilder(this.#deps.piece_bytes, points);
    // What was kept of them is not true any more.
    [this.#kept_points, this.#unreadable] = [0, false];
    const old = this.#kept;
    this.#kept = undefined;
    void old?.close().catch(() => undefined);
  }

  async #keep(last: boolean): Promise<void> {
    await this.#leniently(async () => {
      const { header, points } = this.#builder;
      if (points.length === 0) return;
      const fresh = points.slice(this.#kept_points);
      this.#kept_points = points.length;
      const { piece_bytes } = this.#deps;
      if (this.#kept === undefined) {
        this.#kept = await createSumsFile(sumsPath(this.#part.path), { piece_bytes, header, points: fresh });
      } else if (fresh.length > 0) await this.#kept.append(fresh);
      if (last) await this.#kept.sync();
    });
  }

  async #leniently(run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      this.#deps.warn(error);
    }
  }
}

/** A file that is complete, as its part's state knows it. */
export interface CompleteFile {
  readonly path: string;
  readonly piece_bytes: number;
  readonly file_bytes: number;
  /** CRC-32 of all of it. */
  readonly checksum: number;
  readonly packets: number;
  readonly bytes: number;
}

/**
 * The sums of a file that an earlier process has completed. Where those that were kept are gone, they are made again from the file,
 * if it is what the state says; else nothing says what is good of it, and the whole file is one block, which is then found to be wrong.
 */
export async function sumsOf(file: CompleteFile): Promise<KeptSums & { readonly unsummed?: true }> {
  const { path, piece_bytes, file_bytes, checksum, packets, bytes } = file;
  const kept = await readSums(sumsPath(path));
  const last = kept?.points.at(-1);
  if (kept?.piece_bytes === piece_bytes && last?.end_bytes === file_bytes && last.checksum === checksum) return kept;
  const again = await sumUp(path, piece_bytes, file_bytes).catch(() => undefined);
  if (again?.points.at(-1)?.checksum === checksum && again.length === file_bytes) {
    return { piece_bytes, header: again.header, points: again.points };
  }
  const whole = { end_bytes: file_bytes, packets, bytes, checksum, whole: true };
  return { piece_bytes, header: kept?.header ?? new Uint8Array(0), points: [whole], unsummed: true };
}

/** Sums a file up, behind those points that are known. */
export async function sumUp(
  path: string,
  piece_bytes: number,
  file_bytes: number,
  known: readonly SumPoint[] = [],
): Promise<SumBuilder> {
  const builder = new SumBuilder(piece_bytes, known);
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(read_bytes);
    while (builder.length < file_bytes) {
      const wanted = Math.min(read_bytes, file_bytes - builder.length);
      const { bytesRead } = await file.read(buffer, 0, wanted, builder.length);
      if (bytesRead === 0) break;
      builder.add(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
  builder.settle();
  return builder;
}
