import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { indexFormula } from '../../src/filter/index_formula.ts';
import { runBpf } from '../support/bpf_machine.ts';
import { programHere } from './compile_here.ts';
import { formulaHolds, peeked } from './formula_holds.ts';
import { taggedBeside, taggedInside } from './kernel_packet.ts';
import { frameBytes, wholeFrame } from './random_frame.ts';
import { toldFilter } from './told_filter.ts';
import { soak, times } from '../support/soak.ts';

test(
  'a filter matches what its words say, stored and live, and the index loses nothing of it',
  () => {
    const seen = { compared: 0, matched: 0 };
    fc.assert(
      fc.property(toldFilter, fc.array(wholeFrame, { minLength: 30, maxLength: 30 }), (filter, frames) => {
        const { text } = filter;
        const texts = { expression_text: text, any_tags_text: text, own_tags_text: '' };
        const [stored, live] = [programHere(texts), programHere(texts, 1, true)];
        const formula = indexFormula(texts);
        for (const frame of frames) {
          const bytes = frameBytes(frame);
          const wanted = filter.matches(frame);
          const told = `${text}: ${Buffer.from(bytes).toString('hex')}`;
          expect(stored !== undefined && runBpf(stored.instructions, { bytes }) !== 0, told).toBe(wanted);
          for (const packet of [taggedInside(bytes), taggedBeside(bytes)]) {
            if (packet === undefined) continue;
            expect(live !== undefined && runBpf(live.instructions, packet) !== 0, told).toBe(wanted);
          }
          if (wanted) expect(formulaHolds(formula, peeked(1, bytes)), told).toBe(true);
          seen.compared += 1;
          if (wanted) seen.matched += 1;
        }
      }),
      { numRuns: times(600) },
    );
    expect(seen.matched).toBeGreaterThan(seen.compared / 10);
    expect(seen.compared - seen.matched).toBeGreaterThan(seen.compared / 10);
  },
  120_000 * Math.max(1, soak),
);
