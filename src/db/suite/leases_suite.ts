import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Database } from '../database.ts';
import { acquireLease, type Lease, pruneLeases, releaseLease, renewLease, requireLease } from '../leases.ts';
import { freshId, runs } from './samples.ts';
import { waitFor } from '../../../test/support/wait_for.ts';

/** `long` outlives the test; `none` has expired at once, by any clock. */
const durations = { long: 3_600_000_000_000n, none: 0n };

const duration = fc.constantFrom('long' as const, 'none' as const);
const holder = fc.constantFrom('a', 'b', 'c');
const command = fc.oneof(
  fc.record({ kind: fc.constant('acquire' as const), holder, duration }),
  fc.record({ kind: fc.constant('renew' as const), pick: fc.nat(9), duration }),
  fc.record({ kind: fc.constant('release' as const), pick: fc.nat(9) }),
  fc.record({ kind: fc.constant('require' as const), pick: fc.nat(9) }),
);

/** Leases against the plainest model of one: who has it, since which fence, and for how long. */
export function leasesSuite(database: () => Database): void {
  test('leases do what the model does', async () => {
    const db = database();
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 25 }), async (commands) => {
        const name = freshId();
        const begun = await db.now();
        let now: { holder: string; fence: bigint; free: boolean } | undefined;
        const given: Lease[] = [];
        for (const one of commands) {
          if (one.kind === 'acquire') {
            const free = now === undefined || now.free || now.holder === one.holder;
            const lease = await acquireLease(db, name, one.holder, durations[one.duration]);
            expect(lease).toEqual(
              free
                ? { name, holder: one.holder, fence: expect.any(BigInt), expires_at: expect.any(BigInt) }
                : undefined,
            );
            if (lease === undefined) continue;
            // One more than before; the first is above all that an earlier row of this name can have had.
            if (now === undefined) expect(lease.fence).toBeGreaterThanOrEqual(begun);
            else expect(lease.fence).toBe(now.fence + 1n);
            given.push(lease);
            now = { holder: one.holder, fence: lease.fence, free: one.duration === 'none' };
            continue;
          }
          const lease = given[one.pick % given.length];
          if (lease === undefined || now === undefined) continue;
          const held = lease.fence === now.fence;
          if (one.kind === 'renew') {
            const renewed = await renewLease(db, lease, durations[one.duration]);
            expect(renewed?.fence).toBe(held ? lease.fence : undefined);
            if (held) now = { ...now, free: one.duration === 'none' };
          } else if (one.kind === 'release') {
            await releaseLease(db, lease);
            if (held) now = { ...now, free: true };
          } else {
            const outcome = db
              .transaction((tx) => requireLease(tx, lease))
              .then(
                () => 'held',
                (error: Error) => error.message,
              );
            expect(await outcome).toBe(held ? 'held' : `The lease ${name} went to another control.`);
          }
        }
      }),
      { numRuns: runs(150) },
    );
  });

  test('of many that want a free lease, one gets it', async () => {
    const db = database();
    const name = freshId();
    const tries = Array.from({ length: 20 }, (_, index) => acquireLease(db, name, `holder ${index}`, durations.long));
    expect((await Promise.all(tries)).filter((lease) => lease !== undefined)).toHaveLength(1);
  });

  test('what nobody holds is pruned, and a lease of before is fenced off all the same', async () => {
    const db = database();
    const [returned, stale, held] = [freshId(), freshId(), freshId()];
    const first = await acquireLease(db, returned, 'a', durations.long);
    await acquireLease(db, stale, 'a', durations.none);
    const long = await acquireLease(db, held, 'a', durations.long);
    if (first === undefined || long === undefined) throw new Error('all were to be given');
    await releaseLease(db, first);
    const names = async (): Promise<string[]> => {
      const rows = await db.query.selectFrom('leases').select('name').orderBy('name').execute();
      return rows.map((row) => row.name).filter((name) => [returned, stale, held].includes(name));
    };
    const prune = async (at: bigint): Promise<void> => void (await db.transaction((tx) => pruneLeases(tx, at)));
    await prune(await db.now());
    expect(await names()).toEqual([stale, held]);
    // A clock that has not moved since is at the last moment of that day still.
    await prune((await db.now()) + 86_400_000_000_001n);
    expect(await names()).toEqual([held]);
    // That day took a while: the clock counts milliseconds.
    await waitFor(async () => (await db.now()) > first.fence, { what: 'the clock to go on' });
    const again = await acquireLease(db, returned, 'a', durations.long);
    expect(again?.fence).toBeGreaterThan(first.fence);
    await expect(db.transaction((tx) => requireLease(tx, first))).rejects.toThrow('went to another control');
  });

  test('a write under a lost lease does not commit', async () => {
    const db = database();
    const name = freshId();
    const old = await acquireLease(db, name, 'a', durations.none);
    const fresh = await acquireLease(db, name, 'b', durations.long);
    if (old === undefined || fresh === undefined) throw new Error('both were to be given');
    const write = (lease: Lease): Promise<void> =>
      db.transaction(async (tx) => {
        await tx.query
          .insertInto('settings')
          .values({ key: `${name} ${lease.holder}`, value: '' })
          .execute();
        await requireLease(tx, lease);
      });
    await expect(write(old)).rejects.toThrow('went to another control');
    await write(fresh);
    const rows = await db.query.selectFrom('settings').select('key').where('key', 'like', `${name}%`).execute();
    expect(rows).toEqual([{ key: `${name} b` }]);
  });
}
