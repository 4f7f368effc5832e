// Usage: node tools/run_tests.ts [--soak] [--fast] [PART OF A PATH ...] [options of vitest]. Sets up what the chosen tests need of the system,
// checks the sources where no files are named, and runs the tests; each check counts as one test in the closing line. Ended by a signal, it
// takes away first what the tests have started and made.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';

import { checkSteps, outcomeText, runSteps, toolEnvironment } from './check_steps.ts';
import { chosenTests, readTestRequest, telling_programs } from './chosen_tests.ts';
import { makeRunFolder } from './run_folder.ts';
import { testNeeds } from './test_needs.ts';
import { isGoodRun, tallyTests } from './test_tally.ts';

/** How long what has been asked to end, or has lost its parent, may take. */
const patience_ms = 20_000;

const root = resolve(import.meta.dirname, '..');
const request = readTestRequest(process.argv.slice(2));
const inCi = !['', '0', 'false'].includes(process.env['CI'] ?? '');
const whole = request.files.length === 0;

const programs = setUp('programs').split('\n').filter(Boolean);
const chosen = chooseOrEnd();
const needed = new Set(chosen.flatMap((one) => [...one.programs]));
setUp('test', ...(whole && !request.fast ? [] : ['--only', programs.filter((name) => needed.has(name)).join(',')]));

const folder = makeRunFolder();
let running: ChildProcess | undefined;
let ended: NodeJS.Signals | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    ended ??= signal;
    running?.kill('SIGTERM');
  });
}
const report = join(folder.path, 'report.json');
try {
  const checks = whole ? await runSteps(checkSteps, (outcome) => console.log(outcomeText(outcome))) : [];
  const exitCode = ended === undefined ? await runVitest() : 1;
  const tally = tallyTests(await readFile(report, 'utf8').catch(() => '{"testResults":[]}'));
  const passed = tally.passed + checks.filter(({ ok }) => ok).length;
  const failed = [...checks.filter(({ ok }) => !ok).map(({ name }) => `check: ${name}`), ...tally.failed];
  // An error outside of every test, for example a rejection that nobody heard.
  if (exitCode !== 0 && tally.failed.length === 0) failed.push(`vitest: ended with ${exitCode}`);
  if (ended === undefined) await folder.settle(patience_ms);
  const left = await folder.clear(patience_ms);
  if (ended === undefined) failed.push(...left.map((command) => `left running by a test: ${command}`));
  for (const name of failed) console.log(`failed: ${name.replace(`${root}/`, '')}`);
  for (const name of tally.skipped) console.log(`skipped: ${name.replace(`${root}/`, '')}`);
  if (inCi && tally.skipped.length > 0) console.log('In CI a skipped test is a failure.');
  console.log(`${passed} passed, ${failed.length} failed, ${tally.skipped.length} skipped`);
  process.exitCode = failed.length === 0 && isGoodRun(tally, inCi) ? 0 : 1;
} finally {
  await folder.clear(patience_ms);
}
if (ended !== undefined) process.exitCode = 128 + constants.signals[ended];

/** Runs the set-up, which says on standard error what it does; gives what it prints. Ends the process where it fails. */
function setUp(...args: readonly string[]): string {
  const { status, stdout } = spawnSync(process.execPath, [join(root, 'tools/setup.mjs'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (status !== 0) process.exit(status ?? 1);
  return stdout;
}

function chooseOrEnd(): ReturnType<typeof chosenTests> {
  try {
    return chosenTests(request, testNeeds(root, [...new Set([...programs, ...telling_programs])]));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return process.exit(2);
  }
}

function runVitest(): Promise<number> {
  const files = whole && !request.fast ? [] : chosen.map(({ file }) => file);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  // Half of the time of so many small files is that each loads its modules anew.
  const shared = request.fast ? ['--no-isolate'] : [];
  const args = ['run', ...reporters, ...shared, ...request.options, ...files];
  // The factor of everything that is random or repeated; vitest.config.ts lengthens the time limits by it.
  const factor = process.env['EDGETAP_SOAK'] ?? (request.soak ? '8' : request.fast ? '0.1' : '1');
  const env = toolEnvironment({ EDGETAP_SOAK: factor, TMPDIR: folder.path });
  const child = spawn('vitest', args, { cwd: root, env, stdio: 'inherit' });
  running = child;
  return new Promise((settle, fail) => {
    child.on('error', fail);
    child.on('close', (code) => settle(code ?? 1));
  });
}
