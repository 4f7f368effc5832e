import { closeSync, openSync } from 'node:fs';
import { expect, test } from 'vitest';
import { connectionsMax, descriptorsPart, openFilesMax } from './open_files.ts';

test.each([
  [1_048_576, 1024],
  [Number.MAX_SAFE_INTEGER, 1024],
  [1024, 768],
  [400, 200],
  [64, 32],
])('of %i open files, %i are for connections', (open_files, expected) => {
  expect(connectionsMax({ connections: 1024, downloads: 64 }, open_files)).toBe(expected);
});

test('the limit of this process is known, and nothing is wrong while most of it is free', async () => {
  expect(openFilesMax()).toBeGreaterThan(100);
  const file = openSync('/dev/null', 'r');
  expect(await descriptorsPart().look()).toBeUndefined();
  closeSync(file);
});
