import { expect, test } from 'vitest';
import { RingLosses } from './ring_losses.ts';

test('what was dropped while nobody read came behind all that the ring held', () => {
  const losses = new RingLosses();
  losses.count({ accepted: 17n, dropped: 7n }, 0, 5);
  // The ring held ten; the fourth is the first behind the end.
  expect(losses.settle(4, 100)).toEqual({ dropped: 0n, beyond: 7n, bound: false });
  expect(losses.settle(11, 100)).toEqual({ dropped: 7n, beyond: 0n, bound: false });
  expect(losses.settle(undefined, 5)).toEqual({ dropped: 7n, beyond: 0n, bound: false });
  expect(losses.settle(undefined, 4)).toEqual({ dropped: 7n, beyond: 0n, bound: true });
});

test('what was dropped while somebody read may have come before or after', () => {
  const losses = new RingLosses();
  losses.count({ accepted: 10n, dropped: 0n }, 0, 1);
  losses.count({ accepted: 27n, dropped: 7n }, 9, 5);
  expect(losses.settle(10, 4)).toEqual({ dropped: 0n, beyond: 7n, bound: false });
  expect(losses.settle(15, 4)).toEqual({ dropped: 7n, beyond: 0n, bound: true });
  expect(losses.settle(21, 4)).toEqual({ dropped: 7n, beyond: 0n, bound: false });
});

test('where the capture goes on behind it, it was its own', () => {
  const losses = new RingLosses();
  losses.count({ accepted: 12n, dropped: 2n }, 0, 1);
  losses.goesOn(10);
  losses.count({ accepted: 25n, dropped: 5n }, 11, 2);
  losses.goesOn(11);
  expect(losses.settle(20, 0)).toEqual({ dropped: 5n, beyond: 0n, bound: true });
});
