import { expect, test } from 'vitest';
import { laterThanFirst } from './later_than_first.ts';

test('is never less than nothing, and nothing where one of the moments is not known', () => {
  expect(laterThanFirst({ began_at: 30n }, { armed_at: 10n })).toBe(20n);
  expect(laterThanFirst({ began_at: 10n }, { armed_at: 10n })).toBe(0n);
  expect(laterThanFirst({ began_at: 9n }, { armed_at: 10n })).toBe(0n);
  expect(laterThanFirst({}, { armed_at: 10n })).toBe(0n);
  expect(laterThanFirst({ began_at: 9n }, {})).toBe(0n);
});
