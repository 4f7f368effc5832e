import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { optimize } from '../../src/libpcap/bytecode/optimize.ts';
import { encodeInstructions, type Instruction } from '../../src/libpcap/program.ts';
import { runBpf } from '../support/bpf_machine.ts';
import { coveringPackets } from '../support/covering_packets.ts';
import { programHere } from './compile_here.ts';
import { randomArithmetic } from './random_arithmetic.ts';
import { randomExpression } from './random_expression.ts';
import { frameBytes, wholeFrame } from './random_frame.ts';
import { anyTagsMeaning, unoptimized } from './same_meaning.ts';
import { soak, times } from '../support/soak.ts';

// libpcap's programs, as it writes them before its optimizer, are the oracle: what runs must say the same of every packet.

const host = fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3', '10.200.3.4', '192.0.2.7');
const plain: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(fc.constantFrom('', 'src ', 'dst ', 'src and dst '), host).map(([way, one]) => `${way}host ${one}`),
  fc.tuple(fc.constantFrom('', 'src ', 'dst '), fc.constantFrom(53, 80)).map(([way, one]) => `${way}port ${one}`),
  fc.constantFrom('tcp', 'udp', 'ip', 'arp', 'ip6', 'net 10.0.0.0/31', 'src net 10.0.0.0/8'),
);
/** The kind that libpcap's optimizer was seen to break: hosts and the like, joined and negated. */
const hostsAndNots: fc.Arbitrary<string> = fc.letrec<{ text: string }>((tie) => ({
  text: fc.oneof(
    { maxDepth: 5 },
    { weight: 2, arbitrary: plain },
    tie('text').map((text) => `not (${text})`),
    fc
      .tuple(tie('text'), fc.constantFrom('and', 'or'), tie('text'))
      .map(([one, how, two]) => `(${one}) ${how} (${two})`),
  ),
})).text;
const number = fc.constantFrom('0', '1', '2', '3', '4', '5', '6', '7', '0xffffffff', '0x80000000');
const term = fc.oneof(
  number,
  fc.constantFrom('ether[0:1]', 'ether[0]', 'ip[0]', 'ip[8]', 'len', 'ether[14:4]', 'ether[14:2]'),
);
const side = fc.oneof(
  term,
  fc
    .tuple(term, fc.constantFrom('/', '*', '+', '-', '&', '|', '%', '^', '<<', '>>'), term)
    .map((parts) => parts.join('')),
);
/** Comparisons of constants, and of fields with constants at the ends of the range. */
const comparisons = fc
  .array(
    fc
      .tuple(fc.constantFrom('', '!'), side, fc.constantFrom('=', '!=', '>', '<', '>=', '<='), side)
      .map((parts) => parts.join('')),
    { minLength: 1, maxLength: 4 },
  )
  .chain((all) => fc.constantFrom('&&', '||').map((joint) => all.join(joint)));

const frames = fc.array(wholeFrame.map(frameBytes), { minLength: 4, maxLength: 4 });
const texts = fc.oneof(hostsAndNots, comparisons, randomArithmetic, randomExpression);

/** Frames for all ways through some programs. */
function packetsFor(
  programs: readonly (readonly Instruction[])[],
  start: readonly Uint8Array[],
): readonly Uint8Array[] {
  return programs.flatMap((program) => coveringPackets(program, start, 40));
}

test(
  'an optimized text means what the unoptimized one means',
  () => {
    const seen = { texts: 0, accepted: 0, rejected: 0 };
    fc.assert(
      fc.property(texts, fc.constantFrom(1, 1, 101, 113), frames, (text, linktype, start) => {
        const before = unoptimized(text, linktype);
        if (before === undefined) return;
        const after = optimize(before);
        const [wanted, given] = [encodeInstructions(before), encodeInstructions(after)];
        const shifted = linktype === 101 ? start.map((frame) => frame.slice(14)) : start;
        for (const bytes of packetsFor([before, after], shifted)) {
          for (const wire_length of [bytes.length, 65_536]) {
            const accepted = runBpf(wanted, { bytes, wire_length });
            expect(runBpf(given, { bytes, wire_length }), `${text}: ${Buffer.from(bytes).toString('hex')}`).toBe(
              accepted,
            );
            if (accepted === 0) seen.rejected += 1;
            else seen.accepted += 1;
          }
        }
        seen.texts += 1;
        // Where a packet inside of `geneve` begins is computed anew where libpcap keeps it: a few instructions, whatever follows.
        const computed_anew = 32 * (text.split('geneve').length - 1);
        expect(after.length).toBeLessThanOrEqual(before.length + computed_anew);
      }),
      { numRuns: times(1500) },
    );
    expect(seen.texts).toBeGreaterThan(700 * soak);
    expect(Math.min(seen.accepted, seen.rejected)).toBeGreaterThan(10 * seen.texts);
  },
  120_000 * Math.max(1, soak),
);

test(
  'a filter means that at every depth of tags, within a scope, in one program',
  () => {
    const scopes = fc.constantFrom(
      '',
      'net 10.0.0.0/31 or host 2001:db8::1',
      'net 10.0.0.0/8 or net 192.0.2.0/24',
      '1 = 0',
    );
    let compared = 0;
    fc.assert(
      fc.property(
        fc.oneof(hostsAndNots, comparisons, randomArithmetic).filter((text) => !text.includes('vlan')),
        scopes,
        frames,
        (text, scope, start) => {
          const [own, within] = [anyTagsMeaning(text), anyTagsMeaning(scope === '' ? 'len >= 0' : scope)];
          if (own === undefined || within === undefined) return;
          const any_tags_parts = [scope, text].filter((part) => part !== '');
          const program = programHere({ expression_text: text, any_tags_text: '', any_tags_parts, own_tags_text: '' });
          for (const bytes of packetsFor(own.depths, start)) {
            const given = program !== undefined && runBpf(program.instructions, { bytes }) !== 0;
            const wanted = own.accepts(bytes) && within.accepts(bytes);
            expect(given, `${scope} / ${text}: ${Buffer.from(bytes).toString('hex')}`).toBe(wanted);
            compared += 1;
          }
        },
      ),
      { numRuns: times(300) },
    );
    expect(compared).toBeGreaterThan(10_000 * soak);
  },
  120_000 * Math.max(1, soak),
);

test.each([
  ['not (host 10.0.0.1 and host 10.0.0.2) and (host 10.0.0.3 or src host 10.0.0.1)', true],
  ['1/2=1/3&&1>4/5&&1>6/7', true],
  ['ether[0:1] & 0xffffffff != 0', false],
])('conditions that libpcap’s optimizer drops are kept: %s', (text, matches) => {
  const ip = [0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 7, 7, 7, ...new Uint8Array(20)];
  const frame = Uint8Array.from([...new Uint8Array(12), 8, 0, ...ip]);
  const program = programHere({ expression_text: text, any_tags_text: text, own_tags_text: '' });
  expect(program !== undefined && runBpf(program.instructions, { bytes: frame }) !== 0).toBe(matches);
});
