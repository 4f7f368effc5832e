import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { isAlive } from './process_tree.ts';

const run = promisify(execFile);
const made = /^et-([0-9a-z]+)-[0-9a-z]+[a-z]?$/;
let count = 0;

/**
 * A name for a namespace or an interface of this process, for example `et-2r4-1`: at most 14 characters, so that a letter
 * for the side still fits into an interface's 15. It carries the process id, so that no two test processes meet.
 */
export function testLinkName(): string {
  for (;;) {
    count += 1;
    const name = `et-${process.pid.toString(36)}-${count.toString(36)}`;
    // A second copy of this module in the process (another worker) counts from 1 too.
    if (![`${name}a`, `${name}b`, `${name}t`].some((one) => existsSync(`/run/netns/${one}`) || existsSync(sysfs(one))))
      return name;
  }
}

let swept: Promise<void> | undefined;

/** Removes the namespaces and interfaces that test processes left behind which were killed; once per process. */
export function sweepTestLinks(): Promise<void> {
  swept ??= sweep();
  return swept;
}

/** Is this name one of a process that is no more? */
function left(name: string): boolean {
  const pid = made.exec(name)?.[1];
  return pid !== undefined && !isAlive(parseInt(pid, 36));
}

async function sweep(): Promise<void> {
  const namespaces = existsSync('/run/netns') ? (await readdir('/run/netns')).filter(left) : [];
  const links = (await readdir('/sys/class/net')).filter(left);
  // Another process may sweep at the same time: what is gone already is well.
  for (const name of links) await run('ip', ['link', 'del', name]).catch(ignoreGone);
  for (const name of namespaces) await run('ip', ['netns', 'del', name]).catch(ignoreGone);
}

/** Swallows the failure of an `ip` command whose object does not exist (any more); passes on every other. */
export function ignoreGone(error: unknown): void {
  if (!/Cannot find device|No such file/.test(String(error))) throw error;
}

function sysfs(link: string): string {
  return `/sys/class/net/${link}`;
}
