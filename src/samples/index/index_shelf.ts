import { fstatSync, readSync } from 'node:fs';
import { IndexDamage } from './index_damage.ts';
import { IndexDirectory, type IndexedSegment, type ReadAt } from './index_directory.ts';
import { createIndexMemory, IndexFile } from './index_file.ts';

/** What is kept of directories, at most: those of some 300 full segments. */
const kept_max_bytes = 4 << 20;

/** Opens index files, one at a time, and knows the directories of those that it has opened lately. */
export class IndexShelf {
  readonly #kept_max_bytes: number;
  readonly #memory = createIndexMemory();
  /** The last used is the last. */
  readonly #directories = new Map<string, IndexDirectory>();
  #kept_bytes = 0;

  constructor(options: { readonly kept_max_bytes?: number } = {}) {
    this.#kept_max_bytes = options.kept_max_bytes ?? kept_max_bytes;
  }

  /** Directories that are known. */
  get size(): number {
    return this.#directories.size;
  }

  /** Opens the index of a segment: what was opened before is not to be read any more. Throws `IndexDamage`. */
  open(descriptor: number, segment: IndexedSegment): IndexFile {
    const read = readerOf(descriptor);
    return new IndexFile(read, this.#directoryOf(descriptor, read, segment), this.#memory);
  }

  #directoryOf(descriptor: number, read: ReadAt, { number, linktype, length }: IndexedSegment): IndexDirectory {
    // A file that was made anew, or written to, is another one.
    const { dev, ino, size, mtimeMs, ctimeMs } = fstatSync(descriptor);
    const name = [dev, ino, size, mtimeMs, ctimeMs, number, linktype, length].join(' ');
    const known = this.#directories.get(name);
    if (known !== undefined) {
      this.#directories.delete(name);
      this.#directories.set(name, known);
      return known;
    }
    const directory = new IndexDirectory(read, { number, linktype, length });
    this.#directories.set(name, directory);
    this.#kept_bytes += directory.view.byteLength;
    for (const [oldest, { view }] of this.#directories) {
      if (this.#kept_bytes <= this.#kept_max_bytes) break;
      this.#directories.delete(oldest);
      this.#kept_bytes -= view.byteLength;
    }
    return directory;
  }
}

function readerOf(descriptor: number): ReadAt {
  return (offset, into) => {
    try {
      return readSync(descriptor, into, 0, into.length, offset);
    } catch (error) {
      if (error instanceof Error && 'errno' in error) throw new IndexDamage(error.message);
      throw error;
    }
  };
}
