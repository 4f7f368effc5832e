import { expect, test } from 'vitest';
import { LimitCounts } from '../../model/limit_counts.ts';
import { limitFallbacks } from '../../model/shared_limits.ts';
import { requireShare } from './require_share.ts';

const part = { sensor: 's1', phase: 'assigned' } as const;
const fleet = [{ name: 's1', rings_max: 8 }];

function asked(taken: number, parts: number, others: boolean, limits: LimitCounts): Promise<void> {
  return requireShare(limits, {
    parts: [...Array.from({ length: parts }, () => part), { sensor: 's1', phase: 'failed' }],
    fleet,
    own: new Map([['s1', taken]]),
    hasOthers: async () => await Promise.resolve(others),
  });
}

test('one account leaves rings of each sensor to others, where there are any', async () => {
  const limits = new LimitCounts({ ...limitFallbacks, rings_percent: 75 });
  await asked(4, 2, true, limits);
  await expect(asked(5, 2, true, limits)).rejects.toMatchObject({
    faults: [
      {
        name: 'account_rings_taken',
        message: expect.stringMatching(
          /may take 6 of the 8 rings that sensor s1 .*EDGETAP_RINGS_PERCENT.* taken 5, .* needs 2:/,
        ),
      },
    ],
  });
  await asked(5, 3, false, limits);
});

test('one account takes so many interfaces in all, whoever else there is', async () => {
  const limits = new LimitCounts({ ...limitFallbacks, full_parts: 3 });
  await asked(1, 2, false, limits);
  await expect(asked(2, 2, false, limits)).rejects.toMatchObject({
    faults: [
      {
        name: 'account_parts_taken',
        message: expect.stringMatching(/may take 3 interfaces .*EDGETAP_FULL_PARTS.*; 2 are taken, .* needs 2:/),
      },
    ],
  });
});
