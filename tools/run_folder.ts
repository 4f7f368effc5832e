import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sweepTestLinks } from '../test/support/test_link_name.ts';
import { descendants, isAlive } from '../test/support/process_tree.ts';

/** A folder for everything that a test run makes, by which its processes are known, too: they have its path in their environment or arguments. */
export interface RunFolder {
  readonly path: string;
  /** Waits until its processes are gone, so long at most: what a test has just ended, or what has lost its parent, takes its time. */
  settle(patience_ms: number): Promise<void>;
  /**
   * Ends the processes of the run that are left: asks them first, and kills those that are still there after `patience_ms`. Then takes away its
   * mounts, namespaces, control groups and files. Gives what was running, for a report.
   */
  clear(patience_ms: number): Promise<readonly string[]>;
}

const poll_ms = 50;

/** Makes one. */
export function makeRunFolder(): RunFolder {
  const path = mkdtempSync(join(tmpdir(), 'edgetap-tests-'));
  // Some tests have programs run as another user.
  chmodSync(path, 0o1777);
  const gone = async (limit_ms: number): Promise<void> => {
    const until = performance.now() + limit_ms;
    while (processesOf(path).length > 0 && performance.now() < until) await pause(poll_ms);
  };
  return {
    path,
    settle: gone,
    clear: async (patience_ms) => {
      const left = new Map(processesOf(path).map((pid) => [pid, commandOf(pid)]));
      for (const pid of left.keys()) signal(pid, 'SIGTERM');
      await gone(patience_ms);
      for (const pid of processesOf(path)) signal(pid, 'SIGKILL');
      while (processesOf(path).length > 0) await pause(poll_ms);
      unmountBelow(path);
      await sweepTestLinks();
      sweepControlGroups();
      rmSync(path, { recursive: true, force: true });
      return [...left.values()];
    },
  };
}

function processesOf(path: string): readonly number[] {
  const below = new Set(descendants(process.pid));
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && isAlive(pid))
    .filter((pid) => below.has(pid) || ['environ', 'cmdline'].some((file) => textOf(pid, file).includes(path)));
}

/** What it is, and how old: which test it is of. */
function commandOf(pid: number): string {
  const { stdout } = spawnSync('ps', ['-o', 'etimes=,stat=,args=', '-p', String(pid)], { encoding: 'utf8' });
  return `${pid}, seconds and state and command: ${stdout.trim()}`;
}

/** Empty where it has ended since it was listed. */
function textOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The last mounted first. */
function unmountBelow(path: string): void {
  const mounted = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  for (const place of mounted.filter((one) => one.startsWith(`${path}/`)).toReversed()) {
    spawnSync('umount', ['--lazy', place.replaceAll('\\040', ' ')], { stdio: 'inherit' });
  }
}

/** Those of test processes that are no more; see test/support/process_limit.ts. */
function sweepControlGroups(): void {
  for (const root of ['/sys/fs/cgroup', '/sys/fs/cgroup/pids'].filter((one) => existsSync(one))) {
    for (const name of readdirSync(root)) {
      const pid = /^edgetap-test-(\d+)-\d+$/.exec(name)?.[1];
      if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
      try {
        rmdirSync(join(root, name));
      } catch (error) {
        // Something is still in it, or somebody else was quicker.
        if (!['EBUSY', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      }
    }
  }
}

async function pause(duration_ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, duration_ms));
}
