import { afterEach, beforeEach, expect, test } from 'vitest';
import { builtByShape, builtInsert, builtOnce } from './built_once.ts';
import type { Database } from './database.ts';
import { openDatabase } from './open_database.ts';

let db: Database;
beforeEach(async () => {
  db = await openDatabase({ url: ':memory:', clock: () => 5n });
});
afterEach(async () => await db.close());

const insertLease = builtInsert('leases');
const holderOf = builtOnce((query, name: string) =>
  query.selectFrom('leases').select('holder').where('name', '=', name),
);

test('a query is built once, and run with other parameters; an insert once for each list of columns', async () => {
  let built = 0;
  const below = builtByShape(
    ({ newest }: { fence: bigint; newest: boolean }) => String(newest),
    ({ fence }) => [fence, 2n],
    (query, { fence, newest }) => {
      built += 1;
      const rows = query.selectFrom('leases').select('name').where('fence', '<', fence).limit(2);
      return rows.orderBy('fence', newest ? 'desc' : 'asc');
    },
  );
  await db.transaction(async (tx) => {
    for (const fence of [1n, 2n, 3n])
      await insertLease(tx, { name: `n${fence}`, holder: `h${fence}`, fence, expires_at: 0n });
    await insertLease(tx, { expires_at: 0n, fence: 9n, holder: 'h9', name: 'n9' });
  });
  expect(await holderOf(db, 'n2')).toEqual([{ holder: 'h2' }]);
  expect(await holderOf(db, 'n9')).toEqual([{ holder: 'h9' }]);
  expect(await below(db, { fence: 4n, newest: false })).toEqual([{ name: 'n1' }, { name: 'n2' }]);
  expect(await below(db, { fence: 3n, newest: false })).toEqual([{ name: 'n1' }, { name: 'n2' }]);
  expect(await below(db, { fence: 10n, newest: true })).toEqual([{ name: 'n9' }, { name: 'n3' }]);
  expect(built).toBe(2);
});

test('parameters that are not those of the query are refused at once', async () => {
  const turned = builtByShape(
    () => 'one',
    ([name, holder]: readonly [string, string]) => [holder, name],
    (query, [name, holder]) =>
      query.selectFrom('leases').selectAll().where('name', '=', name).where('holder', '=', holder),
  );
  await expect(turned(db, ['a', 'b'])).rejects.toThrow(TypeError);
  const missing = builtByShape(
    () => 'one',
    (name: string) => [name],
    (query, name) => query.selectFrom('leases').selectAll().where('name', '=', name).limit(1),
  );
  await expect(missing(db, 'a')).rejects.toThrow('2 parameters');
});
