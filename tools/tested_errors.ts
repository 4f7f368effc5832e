import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { catalogue } from '../src/model/errors/catalogue.ts';

/** The errors of the catalogue that no test names: `texts` are the tests' sources. */
export function untestedErrors(names: readonly string[], texts: readonly string[]): string[] {
  const named = new Set(texts.flatMap((text) => text.match(/\b[a-z][a-z0-9_]*\b/g) ?? []));
  return names.filter((name) => !named.has(name));
}

/** The source of every test and suite under a folder. */
function testTexts(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return files
    .filter((name) => /(\.test|_suite)\.ts$|(^|\/)suite\//.test(name))
    .map((name) => readFileSync(join(folder, name), 'utf8'));
}

if (import.meta.main) {
  const root = resolve(import.meta.dirname, '..');
  const names = Object.keys(catalogue);
  const texts = ['src', 'test'].flatMap((folder) => testTexts(join(root, folder)));
  const missing = untestedErrors(names, texts);
  for (const name of missing) console.log(`no test names the error ${name}`);
  console.log(`${names.length} errors, ${texts.length} test files, ${missing.length} errors without a test`);
  // Neither an empty catalogue nor an empty set of tests is a good sign.
  process.exitCode = missing.length === 0 && names.length > 20 && texts.length > 20 ? 0 : 1;
}
