import { type FileHandle, open, rm } from 'node:fs/promises';
import { SumBuilder } from '../upload/sums/sum_builder.ts';
import type { SumPoint } from '../upload/sums/sum_point.ts';
import { createSumsFile, sumsPath } from '../upload/sums/sums_file.ts';

/** How a file that was made of a part turned out: what its state is to remember. */
export interface NewPartFile {
  readonly file_bytes: number;
  readonly checksum: number;
  readonly packets: number;
  readonly bytes: number;
  readonly points: readonly SumPoint[];
}

/**
 * Writes a file of a part's packets, with its sums beside it, both on the disk when it returns; what was there under the name goes.
 * Whatever fails leaves nothing, for a file that the disk has refused something of is never asked again. Throws as the system does.
 */
export async function newPartFile(
  path: string,
  piece_bytes: number,
  chunks: AsyncIterable<Uint8Array>,
): Promise<NewPartFile> {
  const builder = new SumBuilder(piece_bytes);
  await rm(path, { force: true });
  try {
    await completing(await open(path, 'wx', 0o600), async (file) => {
      for await (const chunk of chunks) {
        builder.add(chunk);
        await file.writeFile(chunk);
      }
      await file.sync();
    });
    builder.settle();
    const { header, points } = builder;
    const sums = await createSumsFile(sumsPath(path), { piece_bytes, header, points });
    try {
      await sums.sync();
    } finally {
      await sums.close();
    }
  } catch (error) {
    for (const name of [path, sumsPath(path)]) await rm(name, { force: true }).catch(() => undefined);
    throw error;
  }
  const { points, length: file_bytes } = builder;
  const { checksum = 0, packets = 0, bytes = 0 } = points.at(-1) ?? {};
  return { file_bytes, checksum, packets, bytes, points };
}

/** Runs with an open file; a failure to close it is one too. */
async function completing(file: FileHandle, run: (file: FileHandle) => Promise<void>): Promise<void> {
  try {
    await run(file);
  } catch (error) {
    await file.close().catch(() => undefined);
    throw error;
  }
  await file.close();
}
