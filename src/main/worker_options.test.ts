import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { worker_options } from './worker_options.ts';

test('this Node knows them, and the tests run with them as the sensor does', () => {
  expect(process.execArgv).toEqual(expect.arrayContaining([...worker_options]));
  const known = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' });
  for (const option of worker_options) expect(known).toContain(option.slice(0, option.indexOf('=')));
});
