import type { SumPoint } from './sums/sum_point.ts';

/** What bytes of a file are read from; as of a `FileHandle`. */
export interface ByteReader {
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
  close(): Promise<void>;
}

/** A file that is uploaded while it grows. Bytes that it once had never change. */
export interface GrowingFile {
  readonly path: string;
  /** How many bytes of it are there to be read. */
  size_bytes(): number;
  /** Will it never grow again? */
  sealed(): boolean;
  /** Resolves once it has at least so many bytes or is sealed, or when the signal fires. */
  reaches(size_bytes: number, signal: AbortSignal): Promise<void>;
  /** Opens what is not a file as it lies on the disk; left out where it is that. */
  open?(): Promise<ByteReader>;
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
