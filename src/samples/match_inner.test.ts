import { describe, expect, test } from 'vitest';
import { programHere } from '../../test/filters/compile_here.ts';
import { type TunnelFrame, tunnelFrames } from '../../test/fixtures/tunnel_frames.ts';
import { runBpf } from '../../test/support/bpf_machine.ts';
import type { Program } from '../libpcap/program.ts';
import { createRecordMemory } from '../libpcap/record_filter.ts';
import { linkTypes } from '../pcap/link_type.ts';
import { matchInner, type PacketPredicate } from './match_inner.ts';
import { streamMatcher } from './stream_matcher.ts';
import { packetsOf, recordsOf } from './test_packets.ts';

const frames = tunnelFrames();
const sent_at = 1_769_846_400_000_000_000n;

function program(text: string, linktype: number): Program {
  const made = programHere({ expression_text: '', any_tags_text: text, own_tags_text: '' }, linktype);
  if (made === undefined) throw new Error(`no packet can match ${text}`);
  return made;
}

/** A predicate over packets in a memory, by the tests' own machine. */
function predicateOf(text: string, linktype: number, memory: Uint8Array): PacketPredicate {
  const { instructions } = program(text, linktype);
  return (offset, captured, original) =>
    runBpf(instructions, { bytes: memory.subarray(offset, offset + captured), wire_length: original }) > 0;
}

/** Addresses of a frame as its makers put them there: what filters see, and what is further in. */
const outside = ({ outer }: TunnelFrame): readonly string[] =>
  outer === undefined ? [] : [outer.source, outer.destination];
const inside = ({ inner }: TunnelFrame): readonly string[][] =>
  inner.map(({ source, destination }) => [source, destination]);

/** A scope, a filter, and by which addresses they match. */
interface Case {
  readonly scope: string;
  readonly filter: string;
  readonly inScope: (addresses: readonly string[]) => boolean;
  readonly matches: (addresses: readonly string[]) => boolean;
}
const cases: readonly Case[] = [
  { scope: '', filter: 'src host 10.0.4.1', inScope: () => true, matches: ([source]) => source === '10.0.4.1' },
  { scope: '', filter: 'dst host 2001:db8:6::2', inScope: () => true, matches: ([, to]) => to === '2001:db8:6::2' },
  { scope: '', filter: 'host 10.0.100.2', inScope: () => true, matches: (both) => both.includes('10.0.100.2') },
  {
    scope: 'net 10.0.100.0/24 or host 2001:db8:68::1',
    filter: 'host 10.0.4.1 or host 2001:db8:6::1',
    inScope: ([source]) => source === '10.0.100.1' || source === '2001:db8:68::1',
    matches: ([source]) => source === '10.0.4.1' || source === '2001:db8:6::1',
  },
  // The scope is of an inner network: it is not to be had by it.
  {
    scope: 'net 10.0.4.0/24',
    filter: 'host 10.0.4.1',
    inScope: ([source]) => source?.startsWith('10.0.4.') === true,
    matches: (both) => both.includes('10.0.4.1'),
  },
];
const whole = ({ scope, filter }: Case): string => (scope === '' ? filter : `(${scope}) and (${filter})`);

describe.each(cases)('$filter within "$scope"', (one) => {
  const expected = frames.filter(
    (frame) =>
      (outside(frame).length > 0 || one.scope === '') &&
      one.inScope(outside(frame)) &&
      (one.matches(outside(frame)) || inside(frame).some(one.matches)),
  );

  test('the predicate takes the packets that the outside or something inside of them matches', () => {
    // One memory for all, as a scan has: each packet in it with others around it.
    const memory = Uint8Array.from(Buffer.concat(frames.map(({ bytes }) => bytes)));
    const matches = matchInner(linkTypes.ethernet, new DataView(memory.buffer), {
      filter: predicateOf(whole(one), linkTypes.ethernet, memory),
      scope: predicateOf(one.scope, linkTypes.ethernet, memory),
      inner: predicateOf(one.filter, linkTypes.raw, memory),
    });
    let offset = 0;
    const got = frames.filter(({ bytes }) => {
      offset += bytes.length;
      return matches(offset - bytes.length, bytes.length, bytes.length);
    });
    expect(got.map(({ name }) => name)).toEqual(expected.map(({ name }) => name));
  });

  test('so does the matcher of a scan, over records', () => {
    const packets = frames.map(({ bytes }, index) => ({
      time: sent_at + BigInt(index),
      original: bytes.length,
      bytes,
    }));
    const filter = {
      stream: 0,
      program: program(whole(one), linkTypes.ethernet),
      scope: program(one.scope, linkTypes.ethernet),
    };
    const memory = createRecordMemory(1 << 20);
    const matcher = streamMatcher(linkTypes.ethernet, filter, program(one.filter, linkTypes.raw), memory);
    // Batches of all sizes, at all places of the memory.
    const got: bigint[] = [];
    for (let at = 0, size = 1; at < packets.length; at += size, size = (size * 3) % 1000) {
      const records = recordsOf(packets.slice(at, at + size));
      memory.bytes.set(records, at);
      const end = matcher.match(at, at + records.length);
      got.push(...packetsOf(memory.bytes.slice(at, end)).map(({ time }) => time - sent_at));
    }
    expect(got.map((index) => frames[Number(index)]?.name)).toEqual(expected.map(({ name }) => name));
  });
});

test('what is inside has the length that it had on the wire', () => {
  const [frame] = frames.filter(({ inner, bytes }) => inner.length === 1 && bytes.length > 60);
  if (frame === undefined) throw new Error('no frame has one');
  const seen: (readonly number[])[] = [];
  const matches = matchInner(linkTypes.ethernet, new DataView(frame.bytes.slice().buffer), {
    scope: () => true,
    inner: (...of) => seen.push(of) === 0,
  });
  expect(matches(0, frame.bytes.length, 1000)).toBe(false);
  const at = seen[0]?.[0] ?? NaN;
  expect(seen).toEqual([[at, frame.bytes.length - at, 1000 - at]]);
});

test('without inner packets the filter runs over whole batches, and without a filter nothing matches', () => {
  const [frame] = frames;
  if (frame === undefined) throw new Error('there are frames');
  const records = recordsOf([{ time: sent_at, original: frame.bytes.length, bytes: frame.bytes }]);
  const memory = createRecordMemory(1 << 16);
  memory.bytes.set(records);
  const ip = streamMatcher(1, { stream: 0, program: program('ip', linkTypes.ethernet) }, undefined, memory);
  expect(ip.match(0, records.length)).toBe(records.length);
  expect(streamMatcher(1, { stream: 0 }, undefined, memory).match(0, records.length)).toBe(0);
});
