import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { CompilerChild } from './compiler_child_process.ts';
import { CompilerChildren } from './compiler_children.ts';

let children: CompilerChildren | undefined;
afterEach(async () => await children?.close());

function processes(): readonly number[] {
  const text = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}

test('work goes to whichever process is free first, not to the one that was started for it', async () => {
  const first = new CompilerChild();
  const all = (children = new CompilerChildren(first, 2, 1000, {}));
  await first.started();
  const busy = Promise.withResolvers<void>();
  const longest = all.run(async () => await busy.promise);
  const before = processes();
  const done = all.run(async (child) => child);
  const [starting = 0] = processes().filter((pid) => !before.includes(pid));
  // It gets no processor time, as on a busy machine.
  process.kill(starting, 'SIGSTOP');
  busy.resolve();
  await longest;
  expect(await done).toBe(first);
  process.kill(starting, 'SIGCONT');
});

test('the one that was started is used, and the first before all others', async () => {
  const first = new CompilerChild();
  const all = (children = new CompilerChildren(first, 2, 1000, {}));
  await first.started();
  const used: CompilerChild[] = [];
  const held = Promise.withResolvers<void>();
  const holding = all.run(async (child) => {
    used.push(child);
    await held.promise;
  });
  await all.run(async (child) => void used.push(child));
  held.resolve();
  await holding;
  await all.run(async (child) => void used.push(child));
  expect(used.map((child) => child === first)).toEqual([true, false, true]);
});
