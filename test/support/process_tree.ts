import { readdirSync, readFileSync } from 'node:fs';

/** All processes below one, as /proc tells them, those that its threads have started included; none where it is gone. */
export function descendants(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendants(child)]);
}

function childrenOf(pid: number): number[] {
  const tasks = orNone(() => readdirSync(`/proc/${pid}/task`));
  const texts = tasks.flatMap((task) => orNone(() => [readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8')]));
  return texts.flatMap((text) => text.trim().split(' ').filter(Boolean).map(Number));
}

/** Processes and threads end while they are looked at. */
function orNone(read: () => string[]): string[] {
  try {
    return read();
  } catch {
    return [];
  }
}

/** Is there such a process, and not just its remains? */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
