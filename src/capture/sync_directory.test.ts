import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { syncDirectory } from './sync_directory.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'edgetap-sync-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Syncs that end when they are told to, in order. */
function heldSyncs(): { readonly sync: (path: string) => Promise<void>; readonly begun: PromiseWithResolvers<void>[] } {
  const begun: PromiseWithResolvers<void>[] = [];
  return {
    begun,
    sync: async () => {
      const one = Promise.withResolvers<void>();
      begun.push(one);
      await one.promise;
    },
  };
}

test('a directory is synced, and one that is not there is told', async () => {
  await Promise.all([syncDirectory(directory), syncDirectory(directory)]);
  await expect(syncDirectory(join(directory, 'nowhere'))).rejects.toMatchObject({ code: 'ENOENT' });
});

test('all who ask while a sync goes on share the next one, which begins when that is over', async () => {
  const { sync, begun } = heldSyncs();
  const over: string[] = [];
  const ask = (name: string): void => void syncDirectory(directory, sync).then(() => over.push(name));
  ask('first');
  await turn();
  ask('second');
  ask('third');
  await turn();
  expect([begun.length, over]).toEqual([1, []]);
  begun[0]?.resolve();
  await turn();
  expect([begun.length, over]).toEqual([2, ['first']]);
  ask('fourth');
  begun[1]?.resolve();
  await turn();
  expect([begun.length, over]).toEqual([3, ['first', 'second', 'third']]);
  begun[2]?.resolve();
  await turn();
  expect(over).toEqual(['first', 'second', 'third', 'fourth']);
});

test('all who share a sync that fails hear of it, and who shares the next one hears of that', async () => {
  const { sync, begun } = heldSyncs();
  const first = syncDirectory(directory, sync);
  await turn();
  const others = [syncDirectory(directory, sync), syncDirectory(directory, sync)];
  begun[0]?.reject(new Error('EIO'));
  await expect(first).rejects.toThrow('EIO');
  await turn();
  begun[1]?.reject(new Error('EIO again'));
  for (const one of others) await expect(one).rejects.toThrow('EIO again');
  await syncDirectory(directory);
});

test('directories do not wait for each other', async () => {
  const { sync, begun } = heldSyncs();
  const all = [syncDirectory(directory, sync), syncDirectory(tmpdir(), sync)];
  await turn();
  expect(begun).toHaveLength(2);
  for (const one of begun) one.resolve();
  await Promise.all(all);
});
