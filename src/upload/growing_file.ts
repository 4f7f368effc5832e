import type { SumPoint } from './sums/sum_point.ts';

/** A file that is uploaded while it grows. Bytes that it once had never change. */
export interface GrowingFile {
  readonly path: string;
  /** How many bytes of it are there to be read. */
  size_bytes(): number;
  /** Will it never grow again? */
  sealed(): boolean;
  /** Resolves once it has at least so many bytes or is sealed, or when the signal fires. */
  reaches(size_bytes: number, signal: AbortSignal): Promise<void>;
  /** What the file was when it was written, with a point wherever a piece ends; left out where nobody knows. */
  sums?(): readonly SumPoint[];
}

/** A file that is complete. */
export function sealedFile(path: string, size_bytes: number, points?: readonly SumPoint[]): GrowingFile {
  return {
    path,
    size_bytes: () => size_bytes,
    sealed: () => true,
    reaches: async () => undefined,
    ...(points === undefined ? {} : { sums: () => points }),
  };
}
