import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { progress } from './progress.ts';
import { supportOf, this_tree, type Tree } from './tree.ts';

const run = promisify(execFile);
const prefix = 'edgetap-bench-tree-';

/** A commit that benchmarks can be held against. */
export interface Commit {
  readonly hash: string;
  /** As short as this repository can have it. */
  readonly short: string;
}

/** Finds the commit that a text means to git. Rejects with one line where there is none, or where it has no benchmark of that name. */
export async function findCommit(text: string, benchmark: string): Promise<Commit> {
  const wanted = ['rev-parse', '--verify', '--end-of-options', `${text}^{commit}`];
  const hash = await git(wanted).catch((error: unknown) => {
    throw new Error(`--against ${text}: there is no such commit here (git: ${firstLine(error)})`, { cause: error });
  });
  await git(['cat-file', '-e', `${hash}:bench/${benchmark}.ts`]).catch((error: unknown) => {
    throw new Error(`--against ${text}: that commit has no benchmark ${benchmark}`, { cause: error });
  });
  return { hash, short: await git(['rev-parse', '--short', hash]) };
}

/**
 * Checks a commit out into a directory for temporary files. Its packages are those of this tree where both have the same lockfile, and else
 * its own. The trees that runs which were killed have left there are removed first.
 */
export async function checkOut({ hash, short }: Commit): Promise<{ readonly tree: Tree; remove(): Promise<void> }> {
  await sweep();
  const root = join(tmpdir(), `${prefix}${process.pid}-${startOf(process.pid)}-${short}`);
  const remove = async (): Promise<void> => await removeTree(root);
  try {
    progress(`checking ${short} out into ${root}`);
    await git(['-c', 'core.hooksPath=/dev/null', 'worktree', 'add', '--quiet', '--force', '--detach', root, hash]);
    await addPackages(root);
    await addSubjects({ name: short, root, node: '' });
  } catch (error) {
    await remove();
    throw error;
  }
  const pinned = join(root, 'node_modules/.bin/node');
  return { tree: { name: short, root, node: existsSync(pinned) ? pinned : process.execPath }, remove };
}

async function addPackages(root: string): Promise<void> {
  const [theirs, ours] = await Promise.all(
    [root, this_tree.root].map(async (one) => await readFile(join(one, 'package-lock.json'), 'utf8')),
  );
  if (theirs === ours) await symlink(join(this_tree.root, 'node_modules'), join(root, 'node_modules'));
  progress(theirs === ours ? 'building it' : 'installing its packages, its lockfile is another one, and building it');
  await run(process.execPath, ['tools/setup.mjs', 'bench'], { cwd: root });
}

/**
 * Gives a tree the measured programs that it does not have, because it is older than they are: each as it was first, which is nearest to
 * what that tree has.
 */
async function addSubjects(tree: Tree): Promise<void> {
  const subjects = readdirSync(supportOf(this_tree, '.')).filter((name) => name.endsWith('_subject.ts'));
  for (const name of subjects.filter((one) => !existsSync(supportOf(tree, one)))) {
    const path = `bench/support/${name}`;
    const added = await git(['log', '--diff-filter=A', '--reverse', '--format=%H', '--', path]);
    const [first = ''] = added.split('\n');
    const text = first === '' ? await readFile(supportOf(this_tree, name)) : await git(['show', `${first}:${path}`]);
    await writeFile(supportOf(tree, name), text);
  }
}

async function sweep(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((one) => one.startsWith(prefix))) {
    const [pid, start] = name.slice(prefix.length).split('-');
    if (startOf(Number(pid)) !== start) await removeTree(join(tmpdir(), name));
  }
}

/** When a process was started, in clock ticks since the boot (proc_pid_stat(5)): a number of a process is given again. Of none: undefined. */
function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name before may hold anything: from the state on, which is field 3.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[22 - 3];
  } catch {
    return undefined;
  }
}

async function removeTree(root: string): Promise<void> {
  if (!basename(root).startsWith(prefix)) throw new Error(`${root} is no tree of a benchmark`);
  // The git of a run that was killed may still write there for a moment.
  await rm(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
  await git(['worktree', 'prune']);
}

async function git(args: readonly string[]): Promise<string> {
  const { stdout } = await run('git', ['-C', this_tree.root, ...args], { maxBuffer: 1 << 26 });
  return stdout.trimEnd();
}

/** What a program that failed has said first, or else that it could not be started. */
function firstLine(error: unknown): string {
  const { stderr, message } = error as { readonly stderr?: string; readonly message: string };
  return (stderr?.trim() || message).split('\n')[0] ?? message;
}
