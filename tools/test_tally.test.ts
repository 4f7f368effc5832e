import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { toolEnvironment } from './check_steps.ts';
import { isGoodRun, tallyTests } from './test_tally.ts';

const root = resolve(import.meta.dirname, '..');
let folder = '';
let report = '';

// The report of a real run of vitest, so that a new form of it is noticed here.
beforeAll(() => {
  folder = mkdtempSync(join(root, 'node_modules', '.edgetap-tally-'));
  const files = {
    'good.test.js': `test('one', () => {}); describe('group', () => { test('two', () => {}); });`,
    'bad.test.js': `test('wrong', () => { expect(1).toBe(2); }); test.skip('left', () => {}); test.todo('later');`,
    'skipif.test.js': `test.skipIf(true)('not here', () => {});`,
    'broken.test.js': `throw new Error('at import');`,
    'hook.test.js': `beforeAll(() => { throw new Error('set-up'); }); test('never ran', () => {});`,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const config = `export default { root: ${JSON.stringify(folder)}, test: { include: ['*.test.js'], exclude: [], globals: true } };`;
  writeFileSync(join(folder, 'vitest.config.mjs'), config);
  const args = ['run', '--config', join(folder, 'vitest.config.mjs'), '--reporter=json', '--outputFile=report.json'];
  spawnSync('vitest', args, { cwd: folder, env: toolEnvironment(), stdio: 'ignore' });
  report = readFileSync(join(folder, 'report.json'), 'utf8');
});
afterAll(() => rmSync(folder, { recursive: true }));

test('every kind of outcome is counted', () => {
  const tally = tallyTests(report);
  const short = (names: readonly string[]): string[] => names.map((name) => name.replace(`${folder}/`, '')).toSorted();
  expect(tally.passed).toBe(2);
  expect(short(tally.failed)).toEqual(['bad.test.js: wrong', 'broken.test.js', 'hook.test.js']);
  expect(short(tally.skipped)).toEqual([
    'bad.test.js: later',
    'bad.test.js: left',
    'hook.test.js: never ran',
    'skipif.test.js: not here',
  ]);
});

test('in CI a skipped test fails the run; a run without tests is never good', () => {
  const tally = { passed: 5, failed: [], skipped: ['x'] };
  expect([isGoodRun(tally, false), isGoodRun(tally, true)]).toEqual([true, false]);
  expect(isGoodRun({ passed: 5, failed: [], skipped: [] }, true)).toBe(true);
  expect(isGoodRun({ passed: 5, failed: ['y'], skipped: [] }, false)).toBe(false);
  expect(isGoodRun({ passed: 0, failed: [], skipped: [] }, false)).toBe(false);
});
