import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type AccountShare, AccountUsage } from './account_usage.ts';

const share = fc.constantFrom<AccountShare>('captures_kept', 'results_bytes', 'buckets_pending');
const change = fc.record({ account: fc.constantFrom('a', 'b', 'c'), share, amount: fc.nat(1000) });

test('what an account uses is what it was given and not taken back, whatever others do', () => {
  fc.assert(
    fc.property(fc.array(change), fc.array(fc.nat(1000)), (given, taken) => {
      const usage = new AccountUsage();
      for (const one of given) usage.add(one.account, one.share, one.amount);
      const back = taken.flatMap((index) => given[index] ?? []).filter((one, index, all) => all.indexOf(one) === index);
      for (const one of back) usage.add(one.account, one.share, -one.amount);
      const left = given.filter((one) => !back.includes(one));
      const sum = (account: string, of: AccountShare): number =>
        left
          .filter((one) => one.account === account && one.share === of)
          .reduce((total, { amount }) => total + amount, 0);
      for (const of of ['captures_kept', 'results_bytes', 'buckets_pending'] as const) {
        for (const account of ['a', 'b', 'c']) expect(usage.of(account, of)).toBe(sum(account, of));
        expect(usage.most(of)).toBe(Math.max(...['a', 'b', 'c'].map((account) => sum(account, of))));
      }
    }),
  );
});
