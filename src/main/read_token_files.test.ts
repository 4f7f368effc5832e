import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readTokenFiles } from './read_token_files.ts';

test('a token stands in a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'edgetap-token-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'token');
  const given = { EDGETAP_TOKEN_FILE: path, EDGETAP_LISTEN: '127.0.0.1:1' };
  expect(() => readTokenFiles(given)).toThrow('EDGETAP_TOKEN_FILE');
  writeFileSync(path, '');
  expect(() => readTokenFiles(given)).toThrow('the token in its first line');
  writeFileSync(path, 'one token of a file\r\nwith more\n');
  expect(readTokenFiles(given)).toEqual({ ...given, EDGETAP_TOKEN: 'one token of a file' });
  expect(() => readTokenFiles({ ...given, EDGETAP_TOKEN: 'other' })).toThrow('left out where EDGETAP_TOKEN is given');
  expect(readTokenFiles({ EDGETAP_BOOTSTRAP_TOKEN_FILE: path })).toMatchObject({
    EDGETAP_BOOTSTRAP_TOKEN: 'one token of a file',
  });
  expect(readTokenFiles({ EDGETAP_TOKEN: 'other', EDGETAP_TOKEN_FILE: '' })).toMatchObject({ EDGETAP_TOKEN: 'other' });
});
