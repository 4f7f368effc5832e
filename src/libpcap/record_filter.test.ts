import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { runBpf } from '../../test/support/bpf_machine.ts';
import { randomInstructions } from '../../test/support/random_program.ts';
import { concat, packetsOf } from '../../test/filters/random_frame.ts';
import { createRecordMemory, openRecordFilter } from './record_filter.ts';
import { encodeInstructions } from './program.ts';

const soak = Number(process.env['EDGETAP_SOAK'] ?? 1);

const record = fc
  .tuple(fc.uint8Array({ maxLength: 64 }), fc.oneof(fc.nat(2000), fc.nat(0xffff_ffff)), fc.nat(0xffff_ffff))
  .map(([bytes, original, time]) => {
    const head = new Uint8Array(16);
    const view = new DataView(head.buffer);
    view.setUint32(0, time, true);
    view.setUint32(8, bytes.length, true);
    view.setUint32(12, original, true);
    return concat([head, bytes]);
  });

test('random programs', () => {
  const memory = createRecordMemory(1 << 20);
  let [hits, all] = [0, 0];
  fc.assert(
    fc.property(
      fc.array(record, { maxLength: 30 }),
      randomInstructions(60),
      fc.nat(100),
      (records, instructions, start) => {
        const program = { linktype: 1, instructions: encodeInstructions(instructions) };
        const filter = openRecordFilter(program, memory);
        const bytes = concat(records);
        memory.bytes.fill(0xee);
        memory.bytes.set(bytes, start);
        const wanted = records.filter((one) => {
          const [packet] = packetsOf(one);
          return packet !== undefined && runBpf(program.instructions, packet) !== 0;
        });
        const kept_end = filter.filter(start, start + bytes.length);
        hits += wanted.length;
        all += records.length;
        expect(memory.bytes.slice(start, kept_end)).toEqual(concat(wanted));
      },
    ),
    { numRuns: 2000 * soak },
  );
  expect(hits).toBeGreaterThan(all / 20);
});
