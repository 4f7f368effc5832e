import { describe, expect, test } from 'vitest';
import { runBpf } from '../../test/support/bpf_machine.ts';
import { accept, ancillary, encodeInstructions, instructions_max, type Program } from './program.ts';
import { type IpNetwork, parseNetwork } from '../model/ip_address.ts';
import { own_addresses_max, own_groups_max, own_ports_max, type OwnTraffic } from './own_traffic.ts';
import { keepBytes, leaveOutOwn, prefix_instructions_max, rejectOutgoing, sampleOneIn } from './program_prefix.ts';

/** Accepts packets that begin with 1, rejects the others. */
const program: Program = {
  linktype: 1,
  instructions: encodeInstructions([
    { code: 0x30, jt: 0, jf: 0, k: 0 },
    { code: 0x15, jt: 0, jf: 1, k: 1 },
    accept(262_144),
    accept(0),
  ]),
};
const [good, bad] = [Uint8Array.of(1, 2, 3), Uint8Array.of(2, 2, 3)];

function run({ instructions }: Program, bytes: Uint8Array, facts: readonly (readonly [number, number])[] = []): number {
  return runBpf(instructions, { bytes, facts: new Map(facts) });
}

test('outgoing copies are rejected before all else', () => {
  const prefixed = rejectOutgoing(program);
  for (const type of [0, 1, 2, 3, 5, 6]) {
    expect(run(prefixed, good, [[ancillary.packet_type, type]])).toBe(262_144);
    expect(run(prefixed, bad, [[ancillary.packet_type, type]])).toBe(0);
  }
  expect(run(prefixed, good, [[ancillary.packet_type, 4]])).toBe(0);
});

describe('sampling', () => {
  test.each([
    [2, 0x7fff_ffff, 0x8000_0000],
    [100, 42_949_671, 42_949_672],
    [2 ** 32, 0, 1],
  ])('1 in %i keeps random numbers up to %i', (rate, last_kept, first_rejected) => {
    const sampled = sampleOneIn(program, rate);
    expect(run(sampled, good, [[ancillary.random, last_kept]])).toBe(262_144);
    expect(run(sampled, good, [[ancillary.random, first_rejected]])).toBe(0);
    expect(run(sampled, good, [[ancillary.random, 0xffff_ffff]])).toBe(0);
    expect(run(sampled, bad, [[ancillary.random, 0]])).toBe(0);
  });

  test('1 in 1 is the program itself', () => {
    expect(sampleOneIn(program, 1)).toBe(program);
  });

  test.each([0, -1, 1.5, Number.NaN, 2 ** 33])('1 in %d cannot be', (rate) => {
    expect(() => sampleOneIn(program, rate)).toThrow('cannot be');
  });
});

test('bytes kept', () => {
  expect(run(keepBytes(program, 160), good)).toBe(160);
  expect(run(keepBytes(program, 160), bad)).toBe(0);
  expect(() => keepBytes(program, 0)).toThrow('0 bytes cannot be kept');
});

const addresses = (count: number, make: (index: number) => string): IpNetwork[] =>
  Array.from({ length: count }, (_, index) => parseNetwork(make(index))).filter((one) => one !== undefined);

/** As much as `OwnTrafficBoard` gives at most. */
const largest: readonly OwnTraffic[] = [
  {
    ports: Array.from({ length: own_ports_max }, (_, at): [number, number] => [10 * at + 1, 10 * at + 5]),
    ipv4: addresses(own_addresses_max.ipv4, (index) => `192.0.2.${index}`),
    ipv6: addresses(own_addresses_max.ipv6, (index) => `2001:db8::${index}`),
  },
  ...Array.from({ length: own_groups_max - 1 }, (): OwnTraffic => {
    return { ports: [[8787, 8787]], ipv4: addresses(1, () => '192.0.2.0/31'), ipv6: addresses(1, () => '2001:db8::1') };
  }),
];

test('all prefixes fit before the longest program that is compiled, and not before a longer one', () => {
  const long = (count: number): Program => {
    return { linktype: 1, instructions: encodeInstructions(Array.from({ length: count }, () => accept(0))) };
  };
  const both = rejectOutgoing(sampleOneIn(long(instructions_max - prefix_instructions_max), 10));
  const all = leaveOutOwn(both, largest);
  expect(all.instructions.length).toBeLessThanOrEqual(instructions_max * 8);
  expect(() => rejectOutgoing(long(instructions_max))).toThrow('4099 instructions are too many');
});
