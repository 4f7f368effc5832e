import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { LimitCounts } from '../../model/limit_counts.ts';
import { limitFallbacks } from '../../model/shared_limits.ts';
import { CheckedVersions } from './checked_versions.ts';

const piece = new Uint8Array(4 << 20);
const other = (): Error => new Error('another one');

/** A file of so many pieces of 4 MiB, and where it is noted that one is read. */
function fileOf(account_id: string, version: string, pieces: number, read: string[]) {
  const hash = createHash('sha256');
  for (let count = 0; count < pieces; count += 1) hash.update(piece);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let count = 0; count < pieces; count += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      read.push(account_id);
      yield piece;
    }
  }
  return {
    version: { account_id, version, sha256: hash.digest('hex') },
    open: async () => await Promise.resolve(chunks()),
  };
}

test('a short file of one account waits for a turn of each other, and not for their files', async () => {
  const read: string[] = [];
  const checked = new CheckedVersions(new LimitCounts({ ...limitFallbacks, download_checks: 1 }));
  const long = ['a', 'a', 'b'].map((account_id, at) => fileOf(account_id, `${at}`, 20, read));
  const all = long.map(async ({ version, open }) => await checked.check(version, open, other));
  const short = fileOf('c', 's', 1, read);
  await checked.check(short.version, short.open, other);
  // Of each at most the turn that it had, and the one before this.
  expect(read.length).toBeLessThanOrEqual(2 * 2 + 2 * 2 + 1);
  await Promise.all(all);
  expect(read.length).toBe(61);
});

test('one account checks one file at a time', async () => {
  const read: string[] = [];
  const limits = new LimitCounts({ ...limitFallbacks, download_checks: 3 });
  const checked = new CheckedVersions(limits);
  const files = ['1', '2', '3'].map((name) => fileOf('a', name, 3, read));
  const all = files.map(async ({ version, open }) => await checked.check(version, open, other));
  const used = (): number | undefined => limits.read().find(({ name }) => name === 'download_checks')?.used;
  expect(used()).toBe(1);
  await Promise.all(all);
  expect(used()).toBe(0);
});

test('what is remembered is bounded for each account, and what is used stays longest', async () => {
  const checked = new CheckedVersions(new LimitCounts(limitFallbacks));
  const check = async (account_id: string, name: string): Promise<void> => {
    const { version, open } = fileOf(account_id, name, 0, []);
    await checked.check(version, open, other);
  };
  const has = (account_id: string, name: string): boolean => checked.has(fileOf(account_id, name, 0, []).version);
  await check('victim', 'v');
  await check('attacker', 'first');
  await check('attacker', 'second');
  for (let count = 0; count < 1022; count += 1) await check('attacker', `${count}`);
  expect(has('attacker', 'first')).toBe(true);
  await check('attacker', 'last');
  expect(has('attacker', 'first')).toBe(true);
  expect(has('attacker', 'second')).toBe(false);
  expect(has('victim', 'v')).toBe(true);
});

test('what is another one is not remembered, and thrown to all who ask', async () => {
  const checked = new CheckedVersions(new LimitCounts(limitFallbacks));
  const { version, open } = fileOf('a', '1', 1, []);
  const wrong = { ...version, sha256: '0'.repeat(64) };
  const both = [1, 2].map(async () => await checked.check(wrong, open, other));
  expect((await Promise.allSettled(both)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(checked.has(wrong)).toBe(false);
});
