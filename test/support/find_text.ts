import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The files below a directory that have one of the texts in them, and which: `path: text`. */
export function filesWith(directory: string, texts: readonly string[]): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .flatMap((entry) => {
      const path = join(entry.parentPath, entry.name);
      const bytes = readFileSync(path);
      return texts.filter((text) => bytes.includes(text)).map((text) => `${path}: ${text}`);
    });
}
