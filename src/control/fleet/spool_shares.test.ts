import { expect, test } from 'vitest';
import { LimitCounts } from '../../model/limit_counts.ts';
import { limitFallbacks } from '../../model/shared_limits.ts';
import { SpoolShares } from './spool_shares.ts';

test('the fullest share of all sensors, and each refusal once', () => {
  const limits = new LimitCounts(limitFallbacks);
  const shares = new SpoolShares(limits);
  const now = (): unknown => limits.read().find(({ name }) => name === 'spool_share');
  expect(now()).toMatchObject({ limit: 75, used: 0, refused: 0 });
  shares.hear('s1', 'one', { used_percent: 20, refused: 2 });
  shares.hear('s1', 'one', { used_percent: 75, refused: 2 });
  shares.hear('s2', 'other', { used_percent: 10, refused: 1 });
  expect(now()).toMatchObject({ used: 75, refused: 3 });
  // Its process is another one, and counts from the beginning.
  shares.hear('s1', 'two', { used_percent: 0, refused: 1 });
  expect(now()).toMatchObject({ used: 10, refused: 4 });
});
