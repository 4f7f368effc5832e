import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeDirectory } from './make_directory.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgetap-directory-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('what is missing is made, for the owner alone; what is there stays', () => {
  makeDirectory(join(folder, 'a/b/c'));
  makeDirectory(join(folder, 'a/b/c'));
  for (const name of ['a', 'a/b', 'a/b/c']) expect(statSync(join(folder, name)).mode & 0o7777).toBe(0o700);
  symlinkSync('a', join(folder, 'link'));
  makeDirectory(join(folder, 'link/d'));
  expect(statSync(join(folder, 'a/d')).isDirectory()).toBe(true);
});

test('what cannot be made is an error, at once', () => {
  writeFileSync(join(folder, 'file'), '');
  expect(() => makeDirectory(join(folder, 'file'))).toThrow('EEXIST');
  expect(() => makeDirectory(join(folder, 'file/below'))).toThrow(/EEXIST.*file'/);
  expect(() => makeDirectory('/proc/x/y')).toThrow('ENOENT');
});
