// Usage: node tools/run_tests.ts [--soak] [vitest's filters]. Checks the sources, then runs the tests; each check counts as
// one test in the closing line.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { checkSteps, outcomeText, runSteps, toolEnvironment } from './check_steps.ts';
import { isGoodRun, tallyTests } from './test_tally.ts';

const root = resolve(import.meta.dirname, '..');
const soak = process.argv.includes('--soak');
const filters = process.argv.slice(2).filter((argument) => argument !== '--soak');
const inCi = !['', '0', 'false'].includes(process.env['CI'] ?? '');

const checks = await runSteps(checkSteps, (outcome) => console.log(outcomeText(outcome)));

const folder = await mkdtemp(join(tmpdir(), 'edgetap-tests-'));
const report = join(folder, 'report.json');
try {
  const exitCode = await runVitest();
  const tally = tallyTests(await readFile(report, 'utf8').catch(() => '{"testResults":[]}'));
  const passed = tally.passed + checks.filter(({ ok }) => ok).length;
  const failed = [...checks.filter(({ ok }) => !ok).map(({ name }) => `check: ${name}`), ...tally.failed];
  // An error outside of every test, for example a rejection that nobody heard.
  if (exitCode !== 0 && tally.failed.length === 0) failed.push(`vitest: ended with ${exitCode}`);
  for (const name of failed) console.log(`failed: ${name.replace(`${root}/`, '')}`);
  for (const name of tally.skipped) console.log(`skipped: ${name.replace(`${root}/`, '')}`);
  if (inCi && tally.skipped.length > 0) console.log('In CI a skipped test is a failure.');
  console.log(`${passed} passed, ${failed.length} failed, ${tally.skipped.length} skipped`);
  process.exitCode = failed.length === 0 && isGoodRun(tally, inCi) ? 0 : 1;
} finally {
  await rm(folder, { recursive: true });
}

function runVitest(): Promise<number> {
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...filters];
  // The factor of everything that is random or repeated; vitest.config.ts lengthens the time limits by it.
  const env = toolEnvironment(soak ? { EDGETAP_SOAK: process.env['EDGETAP_SOAK'] ?? '8' } : {});
  const child = spawn('vitest', args, { cwd: root, env, stdio: 'inherit' });
  return new Promise((settle, fail) => {
    child.on('error', fail);
    child.on('close', (code) => settle(code ?? 1));
  });
}
