import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  claimCreate,
  countCreates,
  type CreateAttempt,
  findRepeated,
  mayBeRepeated,
  pruneCreates,
  type Repeated,
  rememberRefusal,
} from '../creates.ts';
import type { Database } from '../database.ts';
import { freshId, runs } from './samples.ts';

const second = 1_000_000_000n;

/** One sending as it was decided, in the model's own list. */
interface Line {
  readonly attempt: CreateAttempt;
  capture_id: string | undefined;
  unpaired: boolean;
}

/** The rules of repeats, written over a plain list of everything that happened. */
function judge(lines: readonly Line[], attempt: CreateAttempt): { answer: Repeated; paired?: Line } {
  const age = (line: Line): bigint => attempt.at - line.attempt.at;
  const fresh: { answer: Repeated } = { answer: { kind: 'new' } };
  if (attempt.idempotency_key !== undefined) {
    const last = lines.findLast((line) => line.attempt.idempotency_key === attempt.idempotency_key);
    if (last === undefined || age(last) > 600n * second) return fresh;
    if (last.attempt.body_hash !== attempt.body_hash) return { answer: { kind: 'mismatch' } };
    return last.capture_id === undefined ? fresh : { answer: { kind: 'repeat', capture_id: last.capture_id } };
  }
  const same = lines.filter(
    (line) => line.attempt.idempotency_key === undefined && line.attempt.body_hash === attempt.body_hash,
  );
  if (attempt.retry_count > 0) {
    const last = same.at(-1);
    if (last?.capture_id === undefined || age(last) > 120n * second) return fresh;
    return { answer: { kind: 'repeat', capture_id: last.capture_id } };
  }
  const retry = same.find(
    (line) =>
      line.unpaired &&
      line.capture_id !== undefined &&
      line.attempt.received_at > attempt.received_at &&
      age(line) <= 120n * second,
  );
  if (retry?.capture_id === undefined) return fresh;
  return { answer: { kind: 'repeat', capture_id: retry.capture_id }, paired: retry };
}

const step = fc.record(
  {
    body_hash: fc.constantFrom('x', 'y'),
    retry_count: fc.constantFrom(0, 0, 1, 2),
    idempotency_key: fc.constantFrom('k', 'l'),
    /** Seconds since the step before. */
    pause_s: fc.constantFrom(0, 1, 30, 120, 121, 600, 601),
    /** Seconds that it waited before it was decided. */
    waited_s: fc.constantFrom(0, 0, 5, 40),
    refuse: fc.boolean(),
  },
  { requiredKeys: ['body_hash', 'retry_count', 'pause_s', 'waited_s', 'refuse'] },
);

/** Claims on creates: the rules of repeats against a plain list, and the promises that follow from them. */
export function createsSuite(database: () => Database): void {
  const decide = async (attempt: CreateAttempt, refuse = false): Promise<Repeated> =>
    await database().transaction(async (tx) => {
      const answer = await findRepeated(tx, attempt);
      if (answer.kind !== 'new') return answer;
      if (refuse) await rememberRefusal(tx, attempt);
      else await claimCreate(tx, attempt, freshId());
      return answer;
    });

  test('repeats are judged as the rules say', async () => {
    const db = database();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const principal_id = freshId();
        const lines: Line[] = [];
        let at = 1_000_000n * second;
        for (const { pause_s, waited_s, refuse, ...sent } of steps) {
          at += BigInt(pause_s) * second;
          const received_at = at - BigInt(waited_s) * second;
          const attempt: CreateAttempt = { account_id: 'a', principal_id, ...sent, received_at, at };
          const { answer, paired } = judge(lines, attempt);
          const capture_id = freshId();
          // A first look says no only where that is right.
          const likely = await mayBeRepeated(db, attempt);
          const found = await db.transaction(async (tx) => {
            const repeated = await findRepeated(tx, attempt);
            if (repeated.kind !== 'new') return repeated;
            if (refuse) await rememberRefusal(tx, attempt);
            else await claimCreate(tx, attempt, capture_id);
            return repeated;
          });
          expect(found).toEqual(answer);
          if (answer.kind !== 'new') expect(likely).toBe(true);
          if (lines.length === 0) expect(likely).toBe(false);
          if (paired !== undefined) paired.unpaired = false;
          if (answer.kind !== 'new') continue;
          const same = lines.filter(
            (line) => line.attempt.idempotency_key === undefined && line.attempt.body_hash === attempt.body_hash,
          );
          const last = same.at(-1);
          const retryOfRefused =
            last !== undefined &&
            last.capture_id === undefined &&
            !last.unpaired &&
            at - last.attempt.at <= 120n * second;
          lines.push({
            attempt,
            capture_id: refuse ? undefined : capture_id,
            unpaired: sent.retry_count > 0 && sent.idempotency_key === undefined && !retryOfRefused,
          });
        }
        const since = at - 60n * second;
        const counted = lines.filter((line) => line.capture_id !== undefined && line.attempt.at >= since);
        // A key that was taken again after its ten minutes leaves one row; none of them is as young as a minute.
        expect(await countCreates(db, { account_id: 'a', principal_id }, since)).toEqual({
          count: counted.length,
          ...(counted[0] === undefined ? {} : { oldest: counted[0].attempt.at }),
        });
      }),
      { numRuns: runs(250) },
    );
  });

  test('however the sendings of one create cross, it makes one capture', async () => {
    // What happens to each sending, in the order in which the server comes to it.
    const sendings = fc
      .shuffledSubarray([0, 1, 2], { minLength: 1 })
      .chain((order) => fc.record({ order: fc.constant(order), refused: fc.boolean() }));
    await fc.assert(
      fc.asyncProperty(sendings, async ({ order, refused }) => {
        const principal_id = freshId();
        const start = 1_000_000n * second;
        const answers: string[] = [];
        let at = start + 10n * second;
        for (const [index, retry_count] of order.entries()) {
          at += second;
          const attempt: CreateAttempt = {
            account_id: 'a',
            principal_id,
            body_hash: 'x',
            retry_count,
            received_at: start + BigInt(retry_count) * second,
            at,
          };
          answers.push((await decide(attempt, refused && index === 0)).kind);
        }
        const { count } = await countCreates(database(), { account_id: 'a', principal_id }, start);
        const made = refused ? order.length - 1 : order.length;
        expect(count).toBe(Math.min(1, made));
        expect(answers[0]).toBe('new');
      }),
      { numRuns: runs(100) },
    );
  });

  test('first sendings create each their own, also at the same moment and with the same body', async () => {
    const principal_id = freshId();
    const attempt = { account_id: 'a', principal_id, body_hash: 'x', retry_count: 0, received_at: 5n, at: 5n };
    const answers = await Promise.all(Array.from({ length: 10 }, () => decide(attempt)));
    expect(answers).toEqual(Array.from({ length: 10 }, () => ({ kind: 'new' })));
    expect(await countCreates(database(), attempt, 0n)).toEqual({ count: 10, oldest: 5n });
  });

  test('an overtaken first sending is paired once', async () => {
    const base = { account_id: 'a', principal_id: freshId(), body_hash: 'x' };
    expect((await decide({ ...base, retry_count: 1, received_at: 20n, at: 20n })).kind).toBe('new');
    expect((await decide({ ...base, retry_count: 0, received_at: 10n, at: 30n })).kind).toBe('repeat');
    expect((await decide({ ...base, retry_count: 0, received_at: 11n, at: 31n })).kind).toBe('new');
  });

  test('a claim that was not asked for takes nothing from the one that is there', async () => {
    const db = database();
    const attempt = { account_id: 'a', principal_id: freshId(), body_hash: 'x', retry_count: 0 };
    const keyed = { ...attempt, idempotency_key: 'k', received_at: 5n, at: 5n };
    const [first, second_one] = [freshId(), freshId()];
    await db.transaction((tx) => claimCreate(tx, keyed, first));
    const again = db.transaction((tx) => claimCreate(tx, keyed, second_one));
    await expect(again).rejects.toMatchObject({ faults: [{ name: 'unavailable' }] });
    await db.transaction((tx) => rememberRefusal(tx, keyed));
    expect(await decide(keyed)).toEqual({ kind: 'repeat', capture_id: first });
  });

  test('claims are forgotten after ten minutes, not before', async () => {
    const db = database();
    const base = { account_id: 'a', principal_id: freshId(), body_hash: 'x', retry_count: 0 };
    const at = 50_000n * second;
    await decide({ ...base, received_at: at, at });
    await db.transaction((tx) => pruneCreates(tx, at + 600n * second));
    expect((await countCreates(db, base, 0n)).count).toBe(1);
    await db.transaction((tx) => pruneCreates(tx, at + 600n * second + 1n));
    expect((await countCreates(db, base, 0n)).count).toBe(0);
  });
}
