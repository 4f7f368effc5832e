import { expect, test } from 'vitest';
import { packetsEstimated } from './packets_estimated.ts';

const rates = [
  { from: 0n, to: 10n, rate: 1 },
  { from: 12n, to: 20n, rate: 16 },
];

test('each packet stands for as many as were passed over for it', () => {
  expect(packetsEstimated([1n, 10n, 13n, 20n], rates)).toEqual({ packets: 34n, unknown: 0 });
});

test('not known is not counted, and is no zero', () => {
  expect(packetsEstimated([0n, 10n, 11n, 12n, 21n], rates)).toEqual({ packets: 1n, unknown: 4 });
  expect(packetsEstimated([11n], rates)).toEqual({ packets: undefined, unknown: 1 });
  expect(packetsEstimated([], [])).toEqual({ packets: undefined, unknown: 0 });
  expect(packetsEstimated([], rates)).toEqual({ packets: 0n, unknown: 0 });
});

test('where two rates are said for one time, it is not known which', () => {
  const twice = [...rates, { from: 5n, to: 15n, rate: 16 }];
  expect(packetsEstimated([4n, 6n, 11n, 13n], twice)).toEqual({ packets: 33n, unknown: 1 });
});
