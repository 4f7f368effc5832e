import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Database } from '../../db/database.ts';
import { acquireLease, releaseLease } from '../../db/leases.ts';
import { openDatabase } from '../../db/open_database.ts';
import { type Fault, raise } from '../../model/errors/fault.ts';
import { type CaptureJobDeps, type CaptureJobs, createCaptureJobs } from './capture_jobs.ts';

const minute_ns = 60_000_000_000n;

let db: Database;
let now = 1_000_000n * 1_000_000_000n;
const warned: string[] = [];
const crashed: unknown[] = [];

beforeEach(async () => {
  db = await openDatabase({ url: ':memory:', clock: () => now });
  warned.length = 0;
  crashed.length = 0;
});
afterEach(async () => await db.close());

/** `renew` lets a sleeper wake, as after its 20 s. */
function jobDeps(holder: string): CaptureJobDeps & { renew(): void } {
  let wake: () => void = () => undefined;
  return {
    db,
    holder,
    sleep: async (_ms, signal) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      signal.addEventListener('abort', () => resolve());
      await promise;
    },
    warn: (fault: Fault) => void warned.push(fault.name),
    crash: (error) => void crashed.push(error),
    renew: () => wake(),
  };
}

describe('capture jobs', () => {
  test("a capture's is done once at a time, by one control", async () => {
    const { promise: held, resolve } = Promise.withResolvers<void>();
    const ran: string[] = [];
    const job = (who: string) => async (id: string) => {
      ran.push(`${who} ${id}`);
      await held;
    };
    const [one, other] = [
      createCaptureJobs('test', jobDeps('one'), job('one')),
      createCaptureJobs('test', jobDeps('other'), job('other')),
    ];
    one.begin('a');
    one.begin('a');
    await expect.poll(() => ran).toEqual(['one a']);
    other.begin('a');
    other.begin('b');
    await expect.poll(() => ran).toEqual(['one a', 'other b']);
    resolve();
    await one.close();
    await other.close();
    expect(ran).toEqual(['one a', 'other b']);
    expect(crashed).toEqual([]);
  });

  test('its lease is renewed while it runs, and lost to another it is given up', async () => {
    const deps = jobDeps('one');
    const { promise: signalled, resolve } = Promise.withResolvers<AbortSignal>();
    const jobs = createCaptureJobs('test', deps, async (_id, signal) => {
      resolve(signal);
      await new Promise((end) => signal.addEventListener('abort', end));
    });
    jobs.begin('a');
    const signal = await signalled;
    now += minute_ns - 1n;
    deps.renew();
    await new Promise(setImmediate);
    now += 2n;
    expect(await acquireLease(db, 'test a', 'other', minute_ns)).toBeUndefined();
    expect(signal.aborted).toBe(false);
    now += minute_ns;
    expect(await acquireLease(db, 'test a', 'other', minute_ns)).toBeDefined();
    deps.renew();
    await expect.poll(() => signal.aborted).toBe(true);
    await jobs.close();
  });

  test('a fault is told, and the job can begin again; a defect is a crash', async () => {
    let tries = 0;
    const jobs = createCaptureJobs('test', jobDeps('one'), async () => {
      tries += 1;
      if (tries === 1) raise('database_failed', { reason: 'disk' });
      if (tries === 2) throw new TypeError('a defect');
    });
    // Begun while it runs it is not begun once more.
    await expect.poll(() => (jobs.begin('a'), tries)).toBeGreaterThanOrEqual(3);
    expect(warned).toEqual(['database_failed']);
    expect(crashed).toEqual([new TypeError('a defect')]);
    await jobs.close();
  });

  test('work that was claimed when it was made takes no lease of its own, and may give it back with its last write', async () => {
    const deps = jobDeps('one');
    const held = async (): Promise<boolean> => (await acquireLease(db, 'test a', 'other', 1n)) === undefined;
    const seen: (readonly [bigint, boolean])[] = [];
    const jobs = createCaptureJobs('test', deps, async (_id, _signal, own) => {
      seen.push([own.lease.fence, await held()]);
      await db.transaction(async (tx) => await releaseLease(tx, own.lease));
      own.released = true;
    });
    const claimed = await db.transaction(async (tx) => await jobs.claim(tx, 'a'));
    expect(await held()).toBe(true);
    jobs.begin('a', claimed);
    await jobs.close();
    expect(seen).toEqual([[claimed?.fence, true]]);
    expect(await held()).toBe(false);
  });

  test('what was claimed and never begun can be begun by the same control after a restart, and by another in its time', async () => {
    const ran: string[] = [];
    const jobsOf = (who: string): CaptureJobs =>
      createCaptureJobs('test', jobDeps(who), async (id) => void ran.push(`${who} ${id}`));
    await db.transaction(async (tx) => await jobsOf('one').claim(tx, 'a'));
    const [other, restarted] = [jobsOf('other'), jobsOf('one')];
    other.begin('a');
    await other.close();
    expect(ran).toEqual([]);
    restarted.begin('a');
    await restarted.close();
    expect(ran).toEqual(['one a']);
    await db.transaction(async (tx) => await jobsOf('one').claim(tx, 'b'));
    now += minute_ns;
    const late = jobsOf('other');
    late.begin('b');
    await late.close();
    expect(ran).toEqual(['one a', 'other b']);
  });
});
