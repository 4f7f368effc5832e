import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { leftBehind } from './left_behind.ts';

let data_dir = '';
beforeEach(() => {
  data_dir = mkdtempSync(join(tmpdir(), 'edgetap-left-'));
});
afterEach(() => rmSync(data_dir, { recursive: true }));

test('a data directory without files of captures has nothing that is left behind', () => {
  expect(leftBehind(join(data_dir, 'none'))).toBeUndefined();
  for (const place of ['results', 'staging', 'sensor/spool/1']) mkdirSync(join(data_dir, place), { recursive: true });
  expect(leftBehind(data_dir)).toBeUndefined();
});

test.each(['results', 'staging', 'sensor/spool'])('one with a file below %s has', (place) => {
  mkdirSync(join(data_dir, place, 'deep'), { recursive: true });
  writeFileSync(join(data_dir, place, 'deep', 'eth0.pcap'), 'x');
  expect(leftBehind(data_dir)).toBe(join(data_dir, place));
});
