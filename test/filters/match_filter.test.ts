import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { joinFilter } from '../../src/filter/join_filter.ts';
import { openMatcher } from '../../src/libpcap/match_records.ts';
import type { Program } from '../../src/libpcap/program.ts';
import { runBpf } from '../support/bpf_machine.ts';
import { programHere } from './compile_here.ts';
import { frameMatches } from './frame_matches.ts';
import { filterV1, networkText4or6 } from './random_filter.ts';
import { cutFrame, packetsOf, recordsOf, wholeFrame } from './random_frame.ts';
import { spelledOut, tcpdumpFilter } from './tcpdump_filter.ts';
import { soak, times } from '../support/soak.ts';

const networks = fc.oneof(fc.constant('all' as const), fc.array(networkText4or6, { minLength: 1, maxLength: 4 }));

/** Expressions that do not name `vlan`, negations and offsets included. */
const expressions = [
  'tcp or udp port 53',
  'not tcp',
  'not (host 10.0.0.1 or arp)',
  'ip6 and not port 80',
  'ip[9] = 17 or ip6[6] = 17',
  'src portrange 50-100 and (net 10.0.0.0/8 or net fe80::/10)',
  'ip[6:2] & 0x1fff != 0',
  'ether src 02:00:00:00:00:02 and ip proto \\udp',
  'icmp or icmp6 or sctp',
  'len > 80 and ip',
  'ether proto 0x88cc or \\arp',
  'tcp[0:2] = tcp[2:2]',
];

/** The numbers of the records (their times' seconds) that a program picks. */
function picked(program: Program | undefined, records: Uint8Array): readonly number[] {
  if (program === undefined) return [];
  const matcher = openMatcher(program);
  try {
    return packetsOf(matcher.match(records)).map((packet) => packet.seconds);
  } finally {
    matcher.close();
  }
}

/** The same by the oracle of the machine. */
function pickedByMachine(program: Program | undefined, records: Uint8Array): readonly number[] {
  if (program === undefined) return [];
  return packetsOf(records)
    .filter((packet) => runBpf(program.instructions, packet) !== 0)
    .map((packet) => packet.seconds);
}

describe('filter_v1 within a scope', () => {
  test(
    'matches the frames that its words say',
    () => {
      let hits = 0;
      let misses = 0;
      fc.assert(
        fc.property(
          fc.array(wholeFrame, { minLength: 1, maxLength: 60 }),
          filterV1,
          networks,
          (frames, filter, scope) => {
            const records = recordsOf(frames);
            const program = programHere(joinFilter({ filter_v1: filter, networks: scope }));
            const wanted = frames.flatMap((frame, index) => (frameMatches(frame, filter, scope) ? [index + 1] : []));
            expect(picked(program, records)).toEqual(wanted);
            expect(pickedByMachine(program, records)).toEqual(wanted);
            hits += wanted.length;
            misses += frames.length - wanted.length;
          },
        ),
        { numRuns: times(400) },
      );
      // The random filters do tell frames apart.
      expect(hits).toBeGreaterThan(400);
      expect(misses).toBeGreaterThan(400);
    },
    120_000 * Math.max(1, soak),
  );
});

describe('the same as tcpdump with every nesting spelled out', () => {
  const frames = fc.array(fc.oneof(wholeFrame, cutFrame), { minLength: 40, maxLength: 80 });

  test(
    'filter_v1',
    async () => {
      await fc.assert(
        fc.asyncProperty(frames, filterV1, async (all, filter) => {
          const records = recordsOf(all);
          const joined = joinFilter({ filter_v1: filter, networks: 'all' });
          const program = programHere(joined);
          const text = joined.any_tags_text === '' ? '' : spelledOut(joined.any_tags_text);
          const wanted = program === undefined ? [] : packetsOf(await tcpdumpFilter(records, 1, text));
          expect(picked(program, records)).toEqual(wanted.map((packet) => packet.seconds));
          expect(pickedByMachine(program, records)).toEqual(picked(program, records));
        }),
        { numRuns: times(25) },
      );
    },
    120_000 * Math.max(1, soak),
  );

  test.each(expressions)('%s', async (expression) => {
    await fc.assert(
      fc.asyncProperty(frames, async (all) => {
        const records = recordsOf(all);
        const joined = joinFilter({ filter_v1: {}, expression, networks: 'all' });
        const program = programHere(joined);
        const wanted = packetsOf(await tcpdumpFilter(records, 1, spelledOut(expression)));
        expect(picked(program, records)).toEqual(wanted.map((packet) => packet.seconds));
        expect(pickedByMachine(program, records)).toEqual(picked(program, records));
      }),
      { numRuns: times(3) },
    );
  });

  test.each(['vlan', 'vlan 100 and ip', 'not vlan', 'vlan and vlan 100 and tcp', 'ip or (vlan and ip6)'])(
    'named vlan is taken as it is: %s',
    async (expression) => {
      await fc.assert(
        fc.asyncProperty(frames, async (all) => {
          const records = recordsOf(all);
          const program = programHere(joinFilter({ filter_v1: {}, expression, networks: 'all' }));
          const wanted = packetsOf(await tcpdumpFilter(records, 1, expression));
          expect(picked(program, records)).toEqual(wanted.map((packet) => packet.seconds));
        }),
        { numRuns: times(3) },
      );
    },
  );
});

test(
  'an expression never reaches beyond the scope and filter_v1, named vlan or not',
  () => {
    const tricky = [
      'vlan or ip',
      'not vlan',
      'vlan',
      'ip or vlan or ip6',
      'not tcp',
      'mpls or ip',
      'pppoes or ip',
      'geneve or ip',
    ];
    fc.assert(
      fc.property(
        fc.array(wholeFrame, { minLength: 20, maxLength: 60 }),
        filterV1,
        fc.array(networkText4or6, { maxLength: 3 }),
        fc.constantFrom(...tricky),
        (frames, filter, scope, expression) => {
          const records = recordsOf(frames);
          const program = programHere(joinFilter({ filter_v1: filter, expression, networks: scope }));
          for (const number of picked(program, records)) {
            const frame = frames[number - 1];
            expect(frame !== undefined && frameMatches(frame, filter, scope)).toBe(true);
          }
          // And it is the expression that restricts further: both together are what each lets through.
          const alone = picked(programHere(joinFilter({ filter_v1: {}, expression, networks: 'all' })), records);
          const rest = picked(programHere(joinFilter({ filter_v1: filter, networks: scope })), records);
          expect(picked(program, records)).toEqual(rest.filter((number) => alone.includes(number)));
        },
      ),
      { numRuns: times(200) },
    );
  },
  120_000 * Math.max(1, soak),
);
