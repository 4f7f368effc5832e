import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lookbackWindow } from './lookback_window.ts';
import { times } from '../../test/support/soak.ts';

const now = 1_769_846_400_000;
/** Milliseconds, five minutes of them. */
const past = fc.integer({ min: 1, max: 300_000 });

test('without a beginning it is a length up to the end, a minute and now where nothing is said', () => {
  expect(lookbackWindow({}, now)).toEqual({ time_limit: 60 });
  expect(lookbackWindow({ time_s: 5 }, now)).toEqual({ time_limit: 5 });
  expect(lookbackWindow({ time_s: 5, until: { at_ms: 7 } }, now)).toEqual({ time_limit: 5, offset_ms: 7 });
});

test('a beginning that is so long ago is counted by the server', () => {
  expect(lookbackWindow({ since: { at_ms: now - 300_000, ago_s: 300 } }, now)).toEqual({ time_limit: 300 });
  expect(lookbackWindow({ since: { at_ms: now, ago_s: 0 } }, now)).toEqual({ time_limit: 1 });
});

test('beginning and length say the end; with an end they are one too many', () => {
  expect(lookbackWindow({ since: { at_ms: now - 9000 }, time_s: 4 }, now)).toEqual({
    time_limit: 4,
    offset_ms: now - 5000,
  });
  expect(lookbackWindow({ since: { at_ms: 1 }, until: { at_ms: 2 }, time_s: 4 }, now)).toBeUndefined();
});

describe('nothing after the beginning is left out, and less than a second before it comes with it', () => {
  test('however long the request is on its way', () => {
    fc.assert(
      fc.property(past, fc.nat(4000), fc.boolean(), (ago_ms, on_its_way_ms, ends) => {
        const since = { at_ms: now - ago_ms };
        const until = { at_ms: now - Math.floor(ago_ms / 2) };
        const window = lookbackWindow(ends ? { since, until } : { since }, now);
        const end = window?.offset_ms ?? now + on_its_way_ms;
        const begin = end - (window?.time_limit ?? 0) * 1000;
        expect(begin).toBeLessThanOrEqual(since.at_ms);
        expect(begin).toBeGreaterThan(since.at_ms - 1000);
        expect(end).toBe(ends ? until.at_ms : now);
      }),
      { numRuns: times(200) },
    );
  });
});
