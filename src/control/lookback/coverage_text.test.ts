import { expect, test } from 'vitest';
import { coverageText, missingText } from './coverage_text.ts';
import { ratesText } from './rates_text.ts';

const second = 1_000_000_000n;
const covered = { interface: 'eth0', gaps: [], rates: [{ from: 0n, to: second, rate: 4 }], dropped: 0n };

test('nothing is said of a window that is covered at one rate', () => {
  expect(coverageText(covered, 0)).toBeUndefined();
  expect(ratesText(covered.rates)).toBe('1 in 4 packets was kept');
  expect(ratesText([])).toBeUndefined();
});

test('gaps, rates and packets without one are told', () => {
  const gaps = [{ from: second, to: 2n * second, reason: 'interface_away' }];
  const rates = [
    { from: 0n, to: second, rate: 1 },
    { from: second, to: 2n * second, rate: 1 },
    { from: 2n * second, to: 3n * second, rate: 8 },
  ];
  expect(coverageText({ ...covered, gaps, rates }, 3)).toBe(
    'no samples from 1970-01-01T00:00:01.000000Z to 1970-01-01T00:00:02.000000Z: interface away; ' +
      'of the packets were kept: 1 in 1 from 1970-01-01T00:00:00.000000Z, 1 in 8 from 1970-01-01T00:00:02.000000Z; ' +
      'packets kept at a rate that is not known, and left out of the estimate: 3',
  );
});

test('samples that were too short to be judged are told, and may be missing', () => {
  const text = (unjudged: number): string =>
    `the filter reads behind the 160 bytes that are kept of a packet: at most ${unjudged === 1 ? '1 sample' : `${unjudged} samples`} more may match`;
  for (const unjudged of [1, 50]) {
    expect(coverageText({ ...covered, unjudged }, 0)).toBe(text(unjudged));
    expect(missingText({ ...covered, unjudged })).toBe(text(unjudged));
  }
  expect(missingText(covered)).toBeUndefined();
});

test('of very many changes the first are told', () => {
  const rates = Array.from({ length: 300 }, (_, index) => ({
    from: BigInt(index) * second,
    to: BigInt(index + 1) * second,
    rate: 1 + (index % 2),
  }));
  expect(ratesText(rates)).toMatch(
    /^of the packets were kept: 1 in 1 from .*, 1 in 2 from [^,]*, and 250 more changes$/,
  );
});
