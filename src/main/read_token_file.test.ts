import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readTokenFile } from './read_token_file.ts';

const directory = mkdtempSync(join(tmpdir(), 'edgetap-token-'));
afterAll(() => rmSync(directory, { recursive: true }));

test('a token is a line of visible characters; no other content is told', () => {
  const path = join(directory, 'token');
  writeFileSync(path, 'sixteen-letters-\n');
  expect(readTokenFile('EDGETAP_METRICS_TOKEN_FILE', path)).toBe('sixteen-letters-');
  for (const text of ['', 'short', 'two words of a token', 'a-long-enough-one\nand-another']) {
    writeFileSync(path, text);
    const read = (): string => readTokenFile('EDGETAP_METRICS_TOKEN_FILE', path);
    expect(read).toThrow(`EDGETAP_METRICS_TOKEN_FILE`);
    expect(read).not.toThrow(text === '' ? 'nothing of it' : text);
  }
  expect(() => readTokenFile('EDGETAP_METRICS_TOKEN_FILE', join(directory, 'none'))).toThrow('a file that can be read');
});
