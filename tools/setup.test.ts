import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const script = join(import.meta.dirname, 'setup.mjs');
const lockfile = '{"packages":{"":{}}}';
let root = '';

/** An npm that counts its calls and installs nothing but the pinned Node. */
const fakeNpm = `
  const { appendFileSync, mkdirSync, symlinkSync } = require('node:fs');
  appendFileSync('npm-calls', process.argv.slice(2).join(' ') + '\\n');
  setTimeout(() => {
    mkdirSync('node_modules/.bin', { recursive: true });
    symlinkSync(${JSON.stringify(process.execPath)}, 'node_modules/.bin/node');
  }, 300);`;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'edgetap-setup-'));
  chmodSync(root, 0o777);
  mkdirSync(join(root, 'tools'));
  writeFileSync(join(root, 'package-lock.json'), lockfile);
  writeFileSync(join(root, 'npm-cli.js'), fakeNpm);
  writeFileSync(join(root, 'tools/setup.mjs'), readFileSync(script));
});
afterEach(() => rmSync(root, { recursive: true }));

const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  NODE_ENV: 'production',
  npm_execpath: join(root, 'npm-cli.js'),
});

function run(mode: string, prefix: readonly string[] = []): { status: number | null; stderr: string } {
  const [program, ...args] = [...prefix, process.execPath, join(root, 'tools/setup.mjs'), mode];
  return spawnSync(program, args, { env: environment(), encoding: 'utf8' });
}

test('two at once install once, and a third run does nothing', async () => {
  const children = [1, 2].map(() =>
    spawn(process.execPath, [join(root, 'tools/setup.mjs'), 'check'], { env: environment() }),
  );
  expect(await Promise.all(children.map((child) => once(child, 'exit')))).toEqual([
    [0, null],
    [0, null],
  ]);
  expect(run('check')).toMatchObject({ status: 0, stderr: '' });
  const calls = readFileSync(join(root, 'npm-calls'), 'utf8').trim().split('\n');
  expect(calls).toHaveLength(1);
  expect(calls[0]).toMatch(/^ci --include=dev --include=optional /);
});

test('another lockfile installs again', () => {
  expect(run('check').status).toBe(0);
  writeFileSync(join(root, 'package-lock.json'), '{"packages":{"":{},"node_modules/x":{"version":"1.0.0"}}}');
  rmSync(join(root, 'node_modules/.bin'), { recursive: true });
  expect(run('check').status).toBe(0);
  expect(readFileSync(join(root, 'npm-calls'), 'utf8').trim().split('\n')).toHaveLength(2);
});

test('without the pinned Node it says what to do', () => {
  writeFileSync(join(root, 'npm-cli.js'), '');
  const { status, stderr } = run('check');
  expect(status).toBe(1);
  expect(stderr).toContain('npm ci --include=dev --include=optional');
});

test('without root it says which packages of the system to install', () => {
  mkdirSync(join(root, 'node_modules/.bin'), { recursive: true });
  symlinkSync(process.execPath, join(root, 'node_modules/.bin/node'));
  writeFileSync(join(root, 'node_modules/.edgetap-setup'), createHash('sha256').update(lockfile).digest('hex'));
  const text = readFileSync(script, 'utf8').replaceAll(`program: 'tcpdump'`, `program: 'edgetap-no-such-program'`);
  writeFileSync(join(root, 'tools/setup.mjs'), text);
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const { status, stderr } = run('test', process.getuid?.() === 0 ? nobody : []);
  expect(status).toBe(1);
  expect(stderr).toContain('sudo apt-get update && sudo apt-get install -y --no-install-recommends tcpdump\n');
});

test('the modes are the ones of package.json', () => {
  expect(run('everything')).toMatchObject({ status: 1, stderr: expect.stringContaining('start|check|bench|test') });
  const { scripts } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const modes = Object.values(scripts).flatMap((line) => /setup\.mjs (\w+)/.exec(line)?.[1] ?? []);
  // That of the tests is called by tools/run_tests.ts, which knows what they need.
  expect(new Set(modes)).toEqual(new Set(['start', 'check', 'bench']));
});

test('start builds what runs, again once a source is newer, and else does nothing', () => {
  mkdirSync(join(root, 'src'));
  const fake = `import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
    mkdirSync('dist', { recursive: true });
    writeFileSync('dist/edgetap.js', '');
    appendFileSync('builds', 'x');`;
  writeFileSync(join(root, 'tools/build.mjs'), fake.replaceAll(`('`, `('${root}/`));
  const builds = (): number => {
    expect(run('start')).toMatchObject({ status: 0 });
    return readFileSync(join(root, 'builds'), 'utf8').length;
  };
  const [built, later] = [join(root, 'dist/edgetap.js'), Date.now() / 1000 + 60];
  expect(builds()).toBe(1);
  utimesSync(built, later, later);
  expect(builds()).toBe(1);
  utimesSync(join(root, 'src'), later + 1, later + 1);
  expect(builds()).toBe(2);
  utimesSync(built, later + 2, later + 2);
  expect(builds()).toBe(2);
  utimesSync(join(root, 'tools/build.mjs'), later + 3, later + 3);
  expect(builds()).toBe(3);
});
