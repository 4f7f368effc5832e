import * as fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { type IndexFormula, indexFormula } from '../../src/filter/index_formula.ts';
import { type JoinedFilter, joinFilter } from '../../src/filter/join_filter.ts';
import { createFilterCompiler } from '../../src/libpcap/compiler_pool.ts';
import { openMatcher } from '../../src/libpcap/match_records.ts';
import type { FilterV1 } from '../../src/model/filter_v1.ts';
import { protocolFrames } from '../fixtures/protocol_frames.ts';
import { formulaHolds, peeked, type PeekedPacket } from './formula_holds.ts';
import { hiddenFrame } from './hidden_frame.ts';
import { exactExpression, randomExpression } from './random_expression.ts';
import { filterV1, networkText4or6 } from './random_filter.ts';
import { concat, frameBytes, packetsOf, recordOf, wholeFrame } from './random_frame.ts';
import { soak, times } from '../support/soak.ts';

const frames_seed = Math.floor(Math.random() * 2 ** 31);
const links = { ethernet: 1, raw: 101, cooked: 113 } as const;

/** Packets of one link type. */
interface Packets {
  readonly linktype: number;
  readonly peeked: readonly PeekedPacket[];
  /** The same as pcap records; the time of each is its number from 1 on. */
  readonly records: Uint8Array;
}

function packets(linktype: number, frames: readonly Uint8Array[]): Packets {
  return {
    linktype,
    peeked: frames.map((bytes) => peeked(linktype, bytes)),
    records: concat(frames.map((bytes, index) => recordOf(bytes, bytes.length, index + 1))),
  };
}

const sample = <T>(arbitrary: fc.Arbitrary<T>, count: number): readonly T[] =>
  fc.sample(arbitrary, { numRuns: count, seed: frames_seed });
const fixtures = protocolFrames().map(({ bytes }) => bytes);
const whole = [...sample(wholeFrame.map(frameBytes), 1500), ...sample(hiddenFrame, 1000)];
const cut = sample(fc.tuple(fc.constantFrom(...whole, ...fixtures), fc.nat(90)), 1000).map(([bytes, length]) =>
  bytes.slice(0, length),
);
const ip = sample(
  wholeFrame.filter(({ body }) => body.kind === 'ipv4' || body.kind === 'ipv6'),
  1000,
).map(({ body }) => frameBytes({ tags: [], body }).slice(14));
const cutIp = ip.map((bytes, index) => bytes.slice(0, index % 60));

const ethernet = packets(links.ethernet, [...whole, ...fixtures, ...cut]);
const raw = packets(links.raw, [...ip, ...cutIp]);
const cooked = packets(
  links.cooked,
  [...whole, ...cut].map((bytes) => Uint8Array.from([0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 2, 0, 0, ...bytes.slice(12)])),
);

const compiler = createFilterCompiler();
afterAll(() => compiler.close());

interface Asked {
  readonly expression: string;
  readonly filter_v1: FilterV1;
  readonly networks: 'all' | readonly string[];
}

/** The texts; undefined for an expression that is refused. */
function joined({ expression, filter_v1, networks }: Asked): JoinedFilter | undefined {
  try {
    return joinFilter({ filter_v1, expression, networks });
  } catch {
    return undefined;
  }
}

/** The numbers, from 0 on, of the packets that libpcap's program matches; undefined for a filter that it refuses. */
async function matched(filter: JoinedFilter, { linktype, records }: Packets): Promise<readonly number[] | undefined> {
  const compiled = await compiler.compile({ filter, linktype });
  if (!compiled.ok) return undefined;
  if (compiled.value.kind === 'excluded') return [];
  const matcher = openMatcher(compiled.value.program);
  try {
    return packetsOf(matcher.match(records)).map(({ seconds }) => seconds - 1);
  } finally {
    matcher.close();
  }
}

/** What is wrong with the formula: a packet that libpcap's program matches and that fails it. Undefined for a filter that is refused. */
async function judge(filter: JoinedFilter, all: Packets): Promise<Judged | undefined> {
  const formula = indexFormula(filter);
  const numbers = await matched(filter, all);
  const found = numbers?.map((number) => all.peeked[number]).filter((packet) => packet !== undefined);
  if (found === undefined) return undefined;
  const failing = found.find((packet) => !formulaHolds(formula, packet));
  return {
    formula,
    matches: found.length,
    fault: failing === undefined ? '' : `${frames_seed}: ${Buffer.from(failing.bytes).toString('hex')}`,
  };
}

interface Judged {
  readonly formula: IndexFormula;
  readonly matches: number;
  /** The seed of the frames and the packet, in hexadecimal; blank where nothing is wrong. */
  readonly fault: string;
}

const seldom = <T, E>(rare: fc.Arbitrary<T>, else_: E): fc.Arbitrary<T | E> =>
  fc.oneof({ weight: 5, arbitrary: fc.constant(else_) }, rare);
const asked: fc.Arbitrary<Asked> = fc.record({
  expression: randomExpression,
  filter_v1: seldom(filterV1, {}),
  networks: seldom(fc.array(networkText4or6, { minLength: 1, maxLength: 3 }), 'all' as const),
});

describe('no packet that libpcap matches fails the formula', () => {
  test.each([
    ['Ethernet', ethernet, 600],
    ['raw IP', raw, 200],
    ['cooked', cooked, 200],
  ] as const)('on %s', { timeout: 900_000 * Math.max(1, soak) }, async (_, all, count) => {
    const seen = { compiled: 0, matches: 0, narrow: 0, excluded: 0 };
    await fc.assert(
      fc.asyncProperty(asked, async (one) => {
        const filter = joined(one);
        const judged = filter === undefined ? undefined : await judge(filter, all);
        if (judged === undefined) return;
        const { formula, matches, fault } = judged;
        expect({ formula, fault }).toEqual({ formula, fault: '' });
        seen.compiled += 1;
        if (formula.kind === 'any') return;
        seen.narrow += 1;
        seen.matches += matches;
        seen.excluded += all.peeked.filter((packet) => !formulaHolds(formula, packet)).length;
      }),
      { numRuns: times(count) },
    );
    // The filters are filters, the formulas say something, and there is something that they could have got wrong.
    expect(seen.compiled).toBeGreaterThan((count * soak) / 3);
    expect(seen.narrow).toBeGreaterThan(seen.compiled / 5);
    expect(seen.matches).toBeGreaterThan(3 * seen.compiled);
    expect(seen.excluded).toBeGreaterThan(100 * seen.compiled);
  });

  test.each([
    'host 10',
    'net 10',
    'net 0',
    'host 10.0',
    'net 10.0.0.0',
    'net 10.0.0.0/010',
    'net 10.0.0.0 mask 255.0.0.255',
    'net ::/0',
    'ip6 and dst net 2001:db8::/32',
    'host ::ffff:10.0.0.1',
    'proto 6 and (port 80) or 17',
    'host 10.0.0.1 and (tcp) or (10.0.0.2 or 10.200.3.4)',
    'arp host 10.0.0.1 or rarp src 10.0.0.2',
    'ip host 10.0.0.1 or port 80 and tcp',
    'src and dst 10.0.0.1 or 10.0.0.2',
    'dst or src port 80 or 443',
    'tcp port 0120',
    'portrange 443-80',
    'proto 44 or 6',
    'ip6 proto 17',
    'ether proto 66 or 6',
    'ether proto \\ip or \\arp',
    '2 & tcp[13] = 0',
    '0 + icmp[0] + tcp[0] >= 0',
    'tcp[0] + udp[0] < 100',
    'icmp6[0] >= 0 and (- tcp[0] < 0 or len > 10)',
    'tcp[0] = tcp[0] or 80 > 443',
    'vlan and tcp or udp',
    'ip or vlan and tcp',
    'vlan and vlan and host 10.0.0.1',
    'vlan and vlan and vlan and udp',
    'not vlan and tcp',
    'tcp or (mpls and not host 10.0.0.1) or udp',
    'mpls and tcp',
    'pppoes and udp',
    'geneve and host 10.0.0.1',
  ])('of %j', async (expression) => {
    const judged = await judge(joinFilter({ filter_v1: {}, expression, networks: 'all' }), ethernet);
    expect(judged?.fault).toBe('');
    // Only what contradicts itself matches none of so many frames.
    expect(judged?.matches).toBeGreaterThan(0);
  });
});

test('plain terms are said exactly', async () => {
  // Behind extension headers the index knows more than a term of libpcap's.
  const plain = packets(links.ethernet, whole).peeked.filter(
    ({ peek }) => peek.transport < 0 || [peek.protocol, peek.fragment_protocol].includes(peek.transport),
  );
  const all = packets(
    links.ethernet,
    plain.map(({ bytes }) => bytes),
  );
  let matches = 0;
  await fc.assert(
    fc.asyncProperty(exactExpression, async (expression) => {
      const filter = joinFilter({ filter_v1: {}, expression, networks: 'all' });
      const formula = indexFormula(filter);
      expect(formula.kind).not.toBe('any');
      const found = await matched(filter, all);
      const held = all.peeked.flatMap((packet, number) => (formulaHolds(formula, packet) ? [number] : []));
      expect({ frames_seed, held }).toEqual({ frames_seed, held: found });
      matches += held.length;
    }),
    { numRuns: times(100) },
  );
  expect(matches).toBeGreaterThan(5000);
});

test('filter_v1 and a scope always say something', () => {
  const scopes = fc.array(
    networkText4or6.filter((text) => !text.endsWith('/0')),
    { maxLength: 3 },
  );
  fc.assert(
    fc.property(filterV1, scopes, randomExpression, (filter_v1, networks, expression) => {
      const filter = joined({ filter_v1, networks, expression });
      fc.pre(filter !== undefined);
      // Whatever the expression is, the scope still counts.
      expect(indexFormula(filter).kind).not.toBe('any');
      const alone = joinFilter({ filter_v1, networks: 'all' });
      const texts = Object.values(filter_v1).filter((value) => !String(value).endsWith('/0'));
      expect(indexFormula(alone).kind === 'any').toBe(texts.length === 0);
    }),
    { numRuns: times(500) },
  );
});
