import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { runBpf } from '../../../test/support/bpf_machine.ts';
import { accept, encodeInstructions, type Instruction } from '../program.ts';
import { GraphPool, type Node } from './graph.ts';
import { joinBoth, joinTags } from './join_graphs.ts';
import { writeProgram } from './optimize.ts';
import { readProgram } from './read_program.ts';

const byte = fc.integer({ min: 0, max: 3 });
/** Accepts packets whose byte at `at` is `value`: as long as wanted, with its rejection before or behind its acceptance. */
const program = fc.record({
  at: byte,
  value: byte,
  filler: fc.nat(300),
  rejects_first: fc.boolean(),
  bytes: fc.integer({ min: 1 }),
});
type Spec = typeof program extends fc.Arbitrary<infer S> ? S : never;

function build({ at, value, filler, rejects_first, bytes }: Spec): readonly Instruction[] {
  return [
    { code: 0x30, jt: 0, jf: 0, k: at },
    ...Array.from({ length: filler }, () => ({ code: 0x04, jt: 0, jf: 0, k: 0 })),
    { code: 0x15, jt: rejects_first ? 1 : 0, jf: rejects_first ? 0 : 1, k: value },
    ...(rejects_first ? [accept(0), accept(bytes)] : [accept(bytes), accept(0)]),
  ];
}

function accepts({ at, value, bytes }: Spec, packet: Uint8Array): number {
  return packet[at] === value ? bytes : 0;
}

function run(graph: Node, bytes: Uint8Array): number {
  return runBpf(encodeInstructions(writeProgram(graph)), { bytes });
}

const packet = fc.uint8Array({ minLength: 4, maxLength: 4, max: 3 });

test('the program for the depth of the packet decides, and nothing else', () => {
  fc.assert(
    fc.property(fc.tuple(program, program, program, program, program), packet, (specs, bytes) => {
      const [untagged, tagged, double_tagged, has_tag, has_two_tags] = specs;
      const pool = new GraphPool();
      const read = (spec: Spec): Node => readProgram(build(spec), pool);
      const graphs = {
        untagged: read(untagged),
        tagged: read(tagged),
        double_tagged: read(double_tagged),
        has_tag: read(has_tag),
        has_two_tags: read(has_two_tags),
      };
      const joined = joinTags(graphs, pool);
      const depth =
        accepts(has_tag, bytes) === 0 ? untagged : accepts(has_two_tags, bytes) === 0 ? tagged : double_tagged;
      expect(run(joined, bytes)).toBe(accepts(depth, bytes));
    }),
    { numRuns: 500 },
  );
});

test('both must accept, and the second says how many bytes', () => {
  fc.assert(
    fc.property(program, program, packet, (first, second, bytes) => {
      const pool = new GraphPool();
      const joined = joinBoth(readProgram(build(first), pool), readProgram(build(second), pool), pool);
      expect(run(joined, bytes)).toBe(accepts(first, bytes) === 0 ? 0 : accepts(second, bytes));
    }),
    { numRuns: 500 },
  );
});
