import { setTimeout } from 'node:timers/promises';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { captureOf, insertCapture } from '../captures.ts';
import type { Database } from '../database.ts';
import { readSetting, writeSetting } from '../settings.ts';
import { freshId, plainAccount, plainCapture, runs } from './samples.ts';

/** What a transaction promises, and what may be stored at all. */
export function transactionsSuite(database: () => Database): void {
  test('what is thrown in a transaction takes everything back and comes out', async () => {
    const db = database();
    const key = freshId();
    const failing = db.transaction(async (tx) => {
      await writeSetting(tx, key, 'x');
      throw new RangeError('enough');
    });
    await expect(failing).rejects.toThrow(new RangeError('enough'));
    expect(await readSetting(db, key)).toBeUndefined();
  });

  test('transactions that read and then write lose no update', async () => {
    const db = database();
    const key = freshId();
    const add = (): Promise<void> =>
      db.transaction(async (tx) => {
        const before = Number((await readSetting(tx, key)) ?? '0');
        await setTimeout(1);
        await writeSetting(tx, key, String(before + 1));
      });
    await Promise.all(Array.from({ length: 30 }, add));
    expect(await readSetting(db, key)).toBe('30');
  });

  test('a statement beside a running transaction neither gets into it nor sees it', async () => {
    const db = database();
    const key = freshId();
    const inside = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const running = db
      .transaction(async (tx) => {
        await writeSetting(tx, key, 'unfinished');
        inside.resolve();
        await go.promise;
        throw new RangeError('rolled back');
      })
      .catch((error: Error) => error.message);
    await inside.promise;
    const beside = readSetting(db, key);
    go.resolve();
    expect(await running).toBe('rolled back');
    expect(await beside).toBeUndefined();
  });

  test('a query that is kept built neither sees a running transaction nor gets past its own', async () => {
    const db = database();
    const { account_id } = await plainAccount(db);
    const capture = plainCapture(account_id);
    const inside = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const running = db
      .transaction(async (tx) => {
        await insertCapture(tx, capture);
        expect(await captureOf(tx, account_id, capture.id)).toEqual(capture);
        inside.resolve();
        await go.promise;
        throw new RangeError('rolled back');
      })
      .catch((error: Error) => error.message);
    await inside.promise;
    const beside = captureOf(db, account_id, capture.id);
    const waiting = await Promise.race([beside, setTimeout(20, 'it waits')]);
    go.resolve();
    expect([waiting, await running, await beside]).toEqual(['it waits', 'rolled back', undefined]);
    const past = db.transaction(async () => await captureOf(db, account_id, capture.id));
    await expect(past).rejects.toThrow('went past it');
    await db.transaction((tx) => insertCapture(tx, capture));
    expect(await captureOf(db, account_id, capture.id)).toEqual(capture);
  });

  test('a statement that goes past its own transaction is refused, later ones are not', async () => {
    const db = database();
    const key = freshId();
    const past = db.transaction(async (tx) => {
      await writeSetting(tx, key, 'x');
      await readSetting(db, key);
    });
    await expect(past).rejects.toThrow('went past it');
    const nested = db.transaction(() => db.transaction(async () => 'never'));
    await expect(nested).rejects.toThrow('went past it');
    const over = Promise.withResolvers<void>();
    const later = await db.transaction(async () => ({ read: over.promise.then(() => readSetting(db, key)) }));
    over.resolve();
    expect(await later.read).toBeUndefined();
  });

  test.each([
    ['a Date', new Date(0), TypeError],
    ['true', true, TypeError],
    ['undefined', undefined, TypeError],
    ['NaN', Number.NaN, TypeError],
    ['infinity', Number.POSITIVE_INFINITY, TypeError],
    ['a whole number beyond 2^53', 2 ** 53, TypeError],
    ['a bigint of 65 bits', 2n ** 63n, TypeError],
    ['an object', { key: 'x' }, TypeError],
    ['a list', ['x'], TypeError],
    ['a symbol', Symbol('x'), TypeError],
  ])('%s is refused, and nothing is stored', async (_name, value, kind) => {
    const db = database();
    const key = freshId();
    const stored = db.transaction(async (tx) => {
      await writeSetting(tx, key, 'before');
      // What a cast or a library without types could let through.
      await tx.query
        .updateTable('settings')
        .set({ value: value as never })
        .where('key', '=', key)
        .where('value', '=', value as never)
        .execute();
    });
    await expect(stored).rejects.toThrow(kind);
    expect(await readSetting(db, key)).toBeUndefined();
  });

  test('integers of 64 bits come back exactly, computed ones too', async () => {
    const db = database();
    const bits = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 2n });
    await fc.assert(
      fc.asyncProperty(bits, async (fence) => {
        const name = freshId();
        await db.query.insertInto('leases').values({ name, holder: 'h', fence, expires_at: fence }).execute();
        const { one_more, same } = await db.query
          .selectFrom('leases')
          .select((row) => [row('fence', '+', 1n).as('one_more'), row.ref('expires_at').as('same')])
          .where('name', '=', name)
          .where('fence', '=', fence)
          .executeTakeFirstOrThrow();
        expect([one_more, same]).toEqual([fence + 1n, fence]);
      }),
      { numRuns: runs(100), examples: [[2n ** 53n], [2n ** 53n + 1n], [-(2n ** 63n)], [2n ** 63n - 2n]] },
    );
  });

  test('what the database refuses is a fault that says what', async () => {
    const db = database();
    const refused = db.query
      .insertInto('parts')
      .values({ capture_id: 'none', sensor: 's', interface: 'i', colo: 'c', ordinal: 0n, phase: 'armed', sequence: 0n })
      .execute();
    await expect(refused).rejects.toMatchObject({ faults: [{ name: 'database_failed' }] });
  });

  test('the clock of the database is the time', async () => {
    const now = await database().now();
    const ours = BigInt(Date.now()) * 1_000_000n;
    expect(now - ours < 60_000_000_000n && ours - now < 60_000_000_000n).toBe(true);
    expect(await database().transaction((tx) => tx.now())).toBeGreaterThanOrEqual(now);
  });
}
