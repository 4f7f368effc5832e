import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FaultError } from '../model/errors/fault.ts';
import { configPath, readConfig } from './read_config.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'edgetap-config-'));
});
afterEach(() => rmSync(home, { recursive: true }));

const write = (text: string, env = {}): void => {
  const path = configPath({ env, home });
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
};
const failure = (env = {}): string => {
  try {
    readConfig({ env, home });
  } catch (error) {
    if (error instanceof FaultError) return `${error.faults[0].name}: ${error.message}`;
    throw error;
  }
  return 'no failure';
};

test('a token that stands in a file of its own', () => {
  const path = join(home, 'token');
  expect(failure({ EDGETAP_TOKEN_FILE: path })).toMatch(/^setting_invalid: .*EDGETAP_TOKEN_FILE/);
  writeFileSync(path, 'of-the-file\n');
  expect(readConfig({ env: { EDGETAP_TOKEN_FILE: path }, home })).toEqual({ token: 'of-the-file' });
  expect(readConfig({ env: { EDGETAP_TOKEN_FILE: path, EDGETAP_TOKEN: 'given' }, home })).toEqual({ token: 'given' });
});

test('the file, and the environment over it', () => {
  expect(readConfig({ env: {}, home })).toEqual({});
  const account_id = 'a'.repeat(32);
  write(JSON.stringify({ url: 'http://file', token: 'file-token', colo: 'ord', bucket: 's3://b', account_id }));
  expect(readConfig({ env: {}, home })).toEqual({
    url: 'http://file',
    token: 'file-token',
    colo: 'ord',
    bucket: 's3://b',
    account_id,
  });
  const env = { EDGETAP_URL: 'http://env', EDGETAP_TOKEN: '', EDGETAP_ACCOUNT_ID: 'b'.repeat(32) };
  expect(readConfig({ env, home })).toMatchObject({
    url: 'http://env',
    token: 'file-token',
    account_id: 'b'.repeat(32),
  });
});

test('XDG_CONFIG_HOME says where', () => {
  const env = { XDG_CONFIG_HOME: join(home, 'elsewhere') };
  write('{"colo":"lhr"}', env);
  expect(readConfig({ env, home })).toEqual({ colo: 'lhr' });
  expect(configPath({ env: { XDG_CONFIG_HOME: '' }, home })).toBe(join(home, '.config', 'edgetap', 'config.json'));
});

test.each([
  ['{"url":', 'config_unreadable: .* it is not JSON'],
  ['[]', 'config_unreadable: .* it is not a JSON object'],
  ['{"url":5}', 'config_unreadable: .* its field "url" is not a text'],
  ['{"tokn":"x"}', 'config_unreadable: .* the field "tokn"; the known ones are url, token,'],
  ['{"account_id":"x"}', 'setting_invalid: EDGETAP_ACCOUNT_ID is "x"'],
])('%s is refused', (text, expected) => {
  write(text);
  expect(failure()).toMatch(new RegExp(expected));
});

test('a directory in its place is config_unreadable', () => {
  mkdirSync(configPath({ env: {}, home }), { recursive: true });
  expect(failure()).toContain('config_unreadable');
});
