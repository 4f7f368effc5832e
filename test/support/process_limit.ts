import { mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from './wait_for.ts';

/** A cgroup that bounds how many processes and threads there can be of what is put into it, as a container or systemd does. */
export interface ProcessLimit {
  /** Puts processes into it; what they start is in it, too. */
  take(...pids: readonly number[]): void;
  /** Processes and threads in it now. */
  current(): number;
  /** From now on no more than so many; `max` is without a bound. What is there already goes on. */
  allow(count: number | 'max'): void;
  /** To be called once what was put into it has ended. */
  remove(): Promise<void>;
}

let made = 0;

/** Makes one. Needs root, and cgroup v1 with the pids controller, or cgroup v2. */
export function createProcessLimit(): ProcessLimit {
  made += 1;
  const directory = join(pidsRoot(), `edgetap-test-${process.pid}-${made}`);
  mkdirSync(directory);
  return {
    take: (...pids) => {
      for (const pid of pids) writeFileSync(join(directory, 'cgroup.procs'), String(pid));
    },
    current: () => Number(readFileSync(join(directory, 'pids.current'), 'utf8')),
    allow: (count) => writeFileSync(join(directory, 'pids.max'), String(count)),
    remove: async () => {
      await waitFor(() => readFileSync(join(directory, 'cgroup.procs'), 'utf8') === '', {
        what: 'the processes of a cgroup to be gone',
      });
      rmdirSync(directory);
    },
  };
}

function pidsRoot(): string {
  const own = '/sys/fs/cgroup/pids';
  if (statSync(own, { throwIfNoEntry: false }) !== undefined) return own;
  const root = '/sys/fs/cgroup';
  if (!readdirSync(root).includes('cgroup.controllers'))
    throw new Error('no cgroup controller of processes is mounted');
  writeFileSync(join(root, 'cgroup.subtree_control'), '+pids');
  return root;
}
