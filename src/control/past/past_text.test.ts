import { expect, test } from 'vitest';
import type { InterfaceCoverage } from '../../wire/control_messages.ts';
import { pastMissing, pastText } from './past_text.ts';

const second = 1_000_000_000n;
const noon = 1_769_860_800n * second;
const whole: InterfaceCoverage = { interface: 'eth0', linktype: 1, watermark: noon, gaps: [], dropped: 0n, rates: [] };

test('samples that cover it all, by a clock that nobody set, need no word', () => {
  expect(pastText([whole], {})).toBeUndefined();
  expect(pastText([whole], { armed: 5n, answered: 5n + 9_000_000n })).toBeUndefined();
});

test('gaps, other link types and interfaces that are not sampled are told', () => {
  const gap = { from: noon - second, to: noon, reason: 'not_sampled' };
  expect(pastText([{ ...whole, gaps: [gap] }], {})).toBe(
    'no samples from 2026-01-31T11:59:59.000000Z to 2026-01-31T12:00:00.000000Z: not sampled, or no longer kept',
  );
  expect(pastText([{ ...whole, linktype: 101, excluded: 'it has no ports' }, whole], {})).toBe(
    'samples of link type 101: it has no ports',
  );
  expect(pastText([], {})).toBe('the interface is not sampled');
});

test('a clock that was set is told: while sampling, and since arming', () => {
  expect(pastText([{ ...whole, clock_set: [noon] }], {})).toBe(
    'the clock was set at 2026-01-31T12:00:00.000000Z: samples around then may be missing or have wrong times',
  );
  expect(pastText([whole], { armed: 7n * second, answered: 5n * second })).toMatch(
    /^the clock was set back by 2.000 s /,
  );
  expect(pastText([whole], { armed: 0n, answered: 10_000_000n })).toMatch(/^the clock was set forward by 0.010 s /);
  expect(pastText([], { armed: 0n, answered: second })).toContain('not sampled; the clock was set forward by 1.000 s');
});

test('what is or may be missing is told apart from what is only worth knowing', () => {
  const rates = [
    { from: noon - second, to: noon, rate: 1 },
    { from: noon, to: noon + second, rate: 8 },
  ];
  // Neither a link type that cannot have such packets nor another rate lacks any.
  expect(
    pastMissing(
      [
        { ...whole, linktype: 101, excluded: 'it has no ports' },
        { ...whole, rates },
      ],
      {},
    ),
  ).toBeUndefined();
  const gap = { from: noon - second, to: noon, reason: 'not_sampled' };
  const lossy = { ...whole, gaps: [gap], dropped: 5n, samples_from: noon, samples_to: noon + second, rates };
  expect(pastMissing([lossy], {})).toBe(
    'no samples from 2026-01-31T11:59:59.000000Z to 2026-01-31T12:00:00.000000Z: before the oldest sample; ' +
      'there are samples from 2026-01-31T12:00:00.000000Z to 2026-01-31T12:00:01.000000Z; ' +
      '5 samples were lost, matching or not',
  );
  expect(pastMissing([{ ...whole, clock_set: [noon] }], {})).toContain('may be missing');
  expect(pastMissing([], {})).toBe('the interface is not sampled');
});
