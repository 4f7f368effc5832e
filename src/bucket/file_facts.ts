import type { Stats } from 'node:fs';

/** What is asked of a file. */
export interface FileFacts {
  readonly size: number;
  /** How many names it has. */
  readonly nlink: number;
  /** Another one for another file, and for one that was written since. */
  readonly version: string;
}

/** What is told of what a system call tells. */
export function factsOf({ size, nlink, dev, ino, mtimeMs, ctimeMs }: Stats): FileFacts {
  return { size, nlink, version: `${dev} ${ino} ${size} ${mtimeMs} ${ctimeMs}` };
}
