import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WrappingCounter } from './wrapping_counter.ts';

describe('a counter of 32 bits', () => {
  test('goes on where it wraps', () => {
    const counter = new WrappingCounter();
    expect(counter.advance(0xffff_fff0)).toBe(0xffff_fff0n);
    expect(counter.advance(0xffff_ffff)).toBe(0xffff_ffffn);
    expect(counter.advance(0)).toBe(0x1_0000_0000n);
    expect(counter.advance(7)).toBe(0x1_0000_0007n);
    expect(counter.advance(7)).toBe(0x1_0000_0007n);
  });

  test('has the total of any steps below 2^32', () => {
    const step = fc.integer({ min: 0, max: 0xffff_ffff });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const counter = new WrappingCounter();
        let total = 0n;
        for (const one of steps) {
          total += BigInt(one);
          expect(counter.advance(Number(total & 0xffff_ffffn))).toBe(total);
        }
      }),
    );
  });
});
