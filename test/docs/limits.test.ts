import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { limitsTable } from './limits_table.ts';

test('docs/limits.md has every limit as it is', () => {
  const text = readFileSync(new URL('../../docs/limits.md', import.meta.url), 'utf8');
  const table = /<!-- limits: [^>]*-->\n([\s\S]*?)\n<!-- \/limits -->/.exec(text)?.[1];
  expect(table).toBe(limitsTable());
});
