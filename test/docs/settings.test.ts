import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { settingsTable } from './settings_table.ts';

test('docs/operations.md has every setting as it is', () => {
  const text = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  const table = /<!-- settings: [^>]*-->\n([\s\S]*?)\n<!-- \/settings -->/.exec(text)?.[1];
  expect(table).toBe(settingsTable());
});
