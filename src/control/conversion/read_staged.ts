import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Bucket } from '../../bucket/bucket.ts';
import type { StagedSum } from '../../db/uploads.ts';
import { FaultError } from '../../model/errors/fault.ts';

/** A file in the staging area, and what the database knows of it. */
export interface StagedFile {
  readonly key: string;
  readonly size_bytes?: bigint;
  /** 64 hexadecimal characters, or the first of them. */
  readonly sha256: string;
  /** Places at which what is before them can be checked; none where nobody said. */
  readonly sums: readonly StagedSum[];
}

/** A staged file is not what was written. */
export class StagedDamage extends Error {
  readonly file: StagedFile;

  constructor(file: StagedFile, reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.file = file;
  }
}

/** What of a staged file is still what was written: stretches that end with a record each. */
export interface StagedRemains {
  readonly stretches: readonly Stretch[];
  readonly packets: number;
  /** What is wrong with the file. */
  readonly reason: string;
}

interface Stretch {
  readonly from: number;
  readonly to: number;
  /** The checksums of everything before `from` and before `to`. */
  readonly before: number;
  readonly checksum: number;
}

/**
 * The bytes of an object in the staging area, compared with what the database knows of it. Throws `StagedDamage` where they are others, at
 * the latest in the place of the end: what was read of it before is not to be used.
 */
export async function* readStaged(staging: Bucket, file: StagedFile): AsyncGenerator<Uint8Array, void, void> {
  const { size_bytes, sha256, sums } = file;
  const hash = createHash('sha256');
  const [...left] = sums;
  const covered = sums.length > 0 && BigInt(sums.at(-1)?.end_bytes ?? 0) === size_bytes;
  let [checksum, length] = [0, 0];
  for await (const read of chunksOf(staging, file)) {
    // What somebody has put behind the file is none of it.
    const chunk = size_bytes === undefined ? read : read.subarray(0, Number(size_bytes) - length);
    if (chunk.length === 0) break;
    if (!covered) hash.update(chunk);
    let done = 0;
    for (let [next] = left; next !== undefined && next.end_bytes <= length + chunk.length; [next] = left) {
      checksum = crc32(chunk.subarray(done, next.end_bytes - length), checksum);
      done = next.end_bytes - length;
      if (checksum !== next.checksum)
        throw new StagedDamage(file, `its bytes before ${next.end_bytes} are not what came`);
      left.shift();
    }
    checksum = crc32(chunk.subarray(done), checksum);
    length += chunk.length;
    yield chunk;
  }
  if (size_bytes !== undefined && BigInt(length) !== size_bytes) {
    throw new StagedDamage(file, `it ends at byte ${length} of ${size_bytes}`);
  }
  if (!covered && !hash.digest('hex').startsWith(sha256)) throw new StagedDamage(file, 'its SHA-256 is another one');
}

/** Finds out what is left of a damaged file. */
export async function remainsOf(staging: Bucket, damage: StagedDamage): Promise<StagedRemains> {
  const { file, message: reason } = damage;
  const stretches: Stretch[] = [];
  let packets = 0;
  let before: Pick<StagedSum, 'end_bytes' | 'packets' | 'checksum'> = { end_bytes: 0, packets: 0, checksum: 0 };
  for (const sum of file.sums) {
    const stretch = { from: before.end_bytes, to: sum.end_bytes, before: before.checksum, checksum: sum.checksum };
    if (await isGood(staging, file, stretch)) {
      stretches.push(stretch);
      packets += sum.packets - before.packets;
    }
    before = sum;
  }
  return { stretches, packets, reason };
}

/** What is left of a damaged file, as a file: `header` stands for the first of it, if that is not left. */
export async function* readRemains(
  staging: Bucket,
  file: StagedFile,
  { stretches }: StagedRemains,
  header: Uint8Array,
): AsyncGenerator<Uint8Array, void, void> {
  if (stretches[0]?.from !== 0) yield header;
  for (const stretch of stretches) {
    let checksum = stretch.before;
    for await (const chunk of chunksOf(staging, file, stretch)) {
      checksum = crc32(chunk, checksum);
      yield chunk;
    }
    if (checksum !== stretch.checksum) throw new StagedDamage(file, `it changes while it is read`);
  }
}

async function isGood(staging: Bucket, file: StagedFile, stretch: Stretch): Promise<boolean> {
  let [checksum, length] = [stretch.before, 0];
  try {
    for await (const chunk of chunksOf(staging, file, stretch)) {
      checksum = crc32(chunk, checksum);
      length += chunk.length;
    }
  } catch (error) {
    if (error instanceof StagedDamage) return false;
    throw error;
  }
  return length === stretch.to - stretch.from && checksum === stretch.checksum;
}

/** The chunks of a file, or of a stretch; what keeps them from being read is damage, but for a directory that cannot be reached. */
async function* chunksOf(
  staging: Bucket,
  file: StagedFile,
  stretch?: Pick<Stretch, 'from' | 'to'>,
): AsyncGenerator<Uint8Array, void, void> {
  const range = stretch === undefined ? undefined : { first: BigInt(stretch.from), last: BigInt(stretch.to) - 1n };
  try {
    const { body } = await staging.readObject(file.key, range);
    for await (const chunk of body) yield chunk as Uint8Array;
  } catch (error) {
    if (error instanceof FaultError && error.faults[0].name === 'bucket_read_failed') {
      throw new StagedDamage(file, 'it is gone', { cause: error });
    }
    if (error instanceof FaultError || !(error instanceof Error) || !('errno' in error)) throw error;
    throw new StagedDamage(file, error.message, { cause: error });
  }
}
