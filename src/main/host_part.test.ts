import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ownFileCalls } from '../bucket/file_calls.ts';
import { bucketsPart, diskPart, hostPart } from './host_part.ts';

test('what hangs is told, is asked once at a time, and is well again when it answers', async () => {
  const answer = Promise.withResolvers<string | undefined>();
  let asked = 0;
  const part = hostPart(
    'x',
    () => 'it hangs',
    async () => {
      asked += 1;
      return await answer.promise;
    },
  );
  expect([await part.look(), await part.look(), asked]).toEqual(['it hangs', 'it hangs', 1]);
  answer.resolve(undefined);
  expect(await part.look()).toBeUndefined();
});

test('what is thrown is told', async () => {
  const part = hostPart(
    'x',
    () => '',
    async () => await Promise.reject(new Error('broken')),
  );
  expect([part.name, await part.look()]).toEqual(['x', 'broken']);
});

test('directories that are there, and those that are not', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'edgetap-part-'));
  expect([await diskPart(directory, 1).look(), await bucketsPart(directory, ownFileCalls).look()]).toEqual([
    undefined,
    undefined,
  ]);
  expect(await diskPart(directory, Number.MAX_SAFE_INTEGER).look()).toMatch(
    /is full, with \d+ bytes left; nothing new/,
  );
  symlinkSync('/nowhere/at/all', join(directory, 'gone'));
  expect(await bucketsPart(directory, ownFileCalls).look()).toMatch(/cannot be used: ENOENT.*gone/);
  rmSync(directory, { recursive: true });
  expect(await diskPart(directory, 1).look()).toMatch(/ENOENT/);
  expect(await bucketsPart(directory, ownFileCalls).look()).toMatch(/cannot be used: ENOENT/);
});
