import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteRuns } from './byte_runs.ts';

test('ranges keep their order; neighbours become one', () => {
  const piece = fc.record({ memory: fc.nat(2), start: fc.nat(5), length: fc.integer({ min: 1, max: 3 }) });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 200 }), (pieces) => {
      const runs = new ByteRuns();
      runs.add(1, 0, 9);
      runs.clear();
      const expected: [number, number][] = [];
      for (const { memory, start, length } of pieces) {
        runs.add(memory, start, start + length);
        for (let at = start; at < start + length; at += 1) expected.push([memory, at]);
      }
      const found: [number, number][] = [];
      for (let run = 0; run < runs.count; run += 1) {
        const [memory, start, end] = [runs.memories[run] ?? 0, runs.starts[run] ?? 0, runs.ends[run] ?? 0];
        for (let at = start; at < end; at += 1) found.push([memory, at]);
        const joined = runs.memories[run - 1] === memory && runs.ends[run - 1] === start;
        expect(joined).toBe(false);
      }
      expect(found).toEqual(expected);
      expect(runs.bytes).toBe(expected.length);
    }),
  );
});
