import { execFile, type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync as readNow } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Figure } from '../../bench/support/figure.ts';
import { descendants, isAlive } from '../support/process_tree.ts';
import { waitFor } from '../support/wait_for.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');

/** A repository that has the sources as they are now, and in its commits others. */
let repository = '';
/** Where its benchmarks put what they make. */
let temporary = '';
/** One that is older than some of what is measured now, and one whose filters cost ten times as much, as its own program says. */
const commits = { older: '', slower: '' };

async function git(...args: readonly string[]): Promise<string> {
  const who = ['-c', 'user.name=test', '-c', 'user.email=test@example.net', '-c', 'commit.gpgsign=false'];
  return (await run('git', ['-C', repository, ...who, ...args])).stdout.trim();
}

beforeAll(async () => {
  repository = await mkdtemp(join(tmpdir(), 'edgetap-against-'));
  temporary = await mkdtemp(join(tmpdir(), 'edgetap-against-'));
  const { stdout } = await run('git', ['-C', root, 'ls-files', '--cached', '--others', '--exclude-standard']);
  const files = stdout.split('\n').filter((file) => /^(src|bench|test|tools|bin)\/|^package|^tsconfig/.test(file));
  for (const file of files) if (existsSync(join(root, file))) await cp(join(root, file), join(repository, file));
  const packages = [join(root, 'node_modules'), join(repository, 'node_modules')];
  await run('cp', ['--archive', '--link', ...packages]).catch(async () => await run('cp', ['--archive', ...packages]));
  await writeFile(join(repository, '.gitignore'), 'node_modules/\n.cache/\n');
  const subject = join(repository, 'bench/support/match_subject.ts');
  const text = await readFile(subject, 'utf8');
  const slower = text.replace('cpu_s: (user + system) / 1e6', 'cpu_s: (user + system) / 1e5');
  expect(slower).not.toBe(text);
  await git('init', '--quiet');
  const commit = async (message: string): Promise<string> => {
    await git('commit', '--quiet', '--message', message);
    return await git('rev-parse', 'HEAD');
  };
  await git('add', '--all');
  await git('rm', '--quiet', '--cached', 'bench/support/match_subject.ts', 'bench/fresh.ts');
  commits.older = await commit('older');
  await writeFile(subject, slower);
  await git('add', '--all');
  commits.slower = await commit('slower');
  await writeFile(subject, text);
});

afterAll(async () => {
  for (const directory of [repository, temporary]) await rm(directory, { recursive: true, force: true });
});

function start(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [join(repository, 'bench/bench.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: temporary, EDGETAP_BENCH_PACKETS: '250000' },
  });
}

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** All that it says, and how it ends. */
async function endOf(child: ChildProcess): Promise<Ended> {
  const said = { out: '', err: '' };
  child.stdout?.on('data', (chunk: Buffer) => (said.out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (said.err += chunk.toString()));
  await once(child, 'close');
  return { code: child.exitCode, ...said };
}

describe('a commit that cannot be a peer ends with one line', () => {
  const cases: readonly (readonly [string, () => string, string, RegExp])[] = [
    ['no commit', () => 'no-such-commit', 'match', /there is no such commit/],
    ['an option', () => '--detach', 'match', /there is no such commit|argument is ambiguous/],
    ['nothing', () => '', 'match', /there is no such commit/],
    ['a file', () => 'HEAD:package.json', 'match', /there is no such commit/],
    ['one without that benchmark', () => commits.older, 'fresh', /has no benchmark fresh/],
  ];
  test.each(cases)('%s', async (_what, commit, name, said) => {
    const { code, out, err } = await endOf(start([name, '--against', commit()]));
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(said);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(readdirSync(temporary)).toEqual([]);
  });
});

/** The figures of lines. */
function figures(out: string): readonly Figure[] {
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Figure);
}

describe('a benchmark against a commit', () => {
  test('has the commit as the peer of every figure, measured by what the commit has, and leaves nothing', async () => {
    const { code, out, err } = await endOf(start(['match', '--against', commits.slower.slice(0, 12)]));
    expect([code, err]).toEqual([0, expect.stringContaining('checking')]);
    const all = figures(out);
    const short = await git('rev-parse', '--short', commits.slower);
    expect(all.map((one) => one.case)).toEqual(expect.arrayContaining(['five-tuple', 'everything', 'ready']));
    for (const one of all) {
      expect(one).toMatchObject({ bench: 'match', peer: short, goal: 0.95, met: (one.ratio ?? 0) >= 0.95 });
      const of_rate = (one.ours ?? 0) / (one.theirs ?? 0);
      expect(one.ratio).toBeCloseTo(one.unit === 'Mpps_per_core' ? of_rate : 1 / of_rate, 1);
    }
    // Of one of these alone a busy machine could make anything.
    const rates = all.filter(({ unit }) => unit === 'Mpps_per_core').map(({ ratio = 0 }) => ratio);
    expect(rates.toSorted((a, b) => a - b)[rates.length >> 1]).toBeGreaterThan(3);
    expect(readdirSync(temporary)).toEqual([]);
    expect(await git('worktree', 'list', '--porcelain')).not.toContain('edgetap-bench-tree');
  });

  test('measures a commit that is older than its measured program', async () => {
    const { code, out, err } = await endOf(start(['match', '--against', commits.older]));
    expect([code, err]).toEqual([0, expect.stringContaining('checking')]);
    const rates = figures(out).filter(({ unit }) => unit === 'Mpps_per_core');
    expect(rates.length).toBeGreaterThan(3);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('takes all that it has started with it on %s', async (signal) => {
    const child = start(['arm', '--against', 'HEAD']);
    const ended = endOf(child);
    const pid = child.pid ?? 0;
    // Both trees' supervisors with a control and a sensor each.
    const below = await waitFor(
      () => {
        const all = descendants(pid);
        const served = all.filter((one) => {
          const names = descendants(one).map(nameOf);
          const has = (child: string): boolean => names.some((name) => name.includes(`${child}_process`));
          return nameOf(one).endsWith('serve\0') && has('control') && has('sensor');
        });
        return served.length === 2 ? all : undefined;
      },
      { what: 'both trees are served' },
    );
    child.kill(signal);
    const { out } = await ended;
    expect([child.exitCode, out]).toEqual([signal === 'SIGTERM' ? 143 : 130, '']);
    expect(below.filter(isAlive)).toEqual([]);
    expect(await git('worktree', 'list', '--porcelain')).not.toContain('edgetap-bench-tree');
    expect(readdirSync(temporary).filter((name) => !name.includes('compile-cache'))).toEqual([]);
  });

  test('clears away the tree of a run that was killed', async () => {
    const killed = start(['arm', '--against', 'HEAD']);
    const over = endOf(killed);
    const trees = (): string[] => readdirSync(temporary).filter((name) => name.startsWith('edgetap-bench-tree-'));
    // Its packages come last: then no git is at work any more.
    const isWhole = (tree: string): boolean => existsSync(join(temporary, tree, 'node_modules'));
    const left = await waitFor(() => trees().find(isWhole), { what: 'a tree is checked out' });
    killed.kill('SIGKILL');
    await over;
    expect(trees()).toEqual([left]);
    expect((await endOf(start(['match', '--against', 'HEAD']))).code).toBe(0);
    expect(trees()).toEqual([]);
    expect(await git('worktree', 'list', '--porcelain')).not.toContain('edgetap-bench-tree');
  });
});

function nameOf(pid: number): string {
  return existsSync(`/proc/${pid}/cmdline`) ? readNow(`/proc/${pid}/cmdline`, 'latin1') : '';
}
