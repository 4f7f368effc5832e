import * as fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { checkFilterV1 } from '../../src/filter/check_filter_v1.ts';
import { type JoinedFilter, joinFilter } from '../../src/filter/join_filter.ts';
import { openMatcher } from '../../src/libpcap/match_records.ts';
import type { Program } from '../../src/libpcap/program.ts';
import { createRecordMemory, openRecordFilter } from '../../src/libpcap/record_filter.ts';
import { filterCases } from '../fixtures/filter_cases.ts';
import { protocolFrames } from '../fixtures/protocol_frames.ts';
import { programHere } from './compile_here.ts';
import { randomArithmetic } from './random_arithmetic.ts';
import { filterV1, networkText4or6 } from './random_filter.ts';
import { concat, cutFrame, frameBytes, wholeFrame } from './random_frame.ts';
import { soak, times } from '../support/soak.ts';

// libpcap's own machine is the oracle: the same programs over the same records.

const memory = createRecordMemory(1 << 20);

/** Counts what was seen, so that a test can say that its filters do tell packets apart. */
const seen = { hits: 0, misses: 0 };
afterAll(() => {
  expect(seen.hits).toBeGreaterThan(1000);
  expect(seen.misses).toBeGreaterThan(1000);
});

/** Records of packets of which at most `snaplen` bytes were captured. */
function recordsOf(packets: readonly Uint8Array[], snaplen = 160): Uint8Array {
  return concat(
    packets.map((bytes, index) => {
      const captured = bytes.subarray(0, snaplen);
      const record = new Uint8Array(16 + captured.length);
      const view = new DataView(record.buffer);
      for (const [at, word] of [index, 999_999_999, captured.length, bytes.length].entries()) {
        view.setUint32(at * 4, word, true);
      }
      record.set(captured, 16);
      return record;
    }),
  );
}

function expectLikeLibpcap(program: Program, records: Uint8Array, start = 0): void {
  const matcher = openMatcher(program);
  try {
    const wanted = matcher.match(records);
    memory.bytes.set(records, start);
    const kept_end = openRecordFilter(program, memory).filter(start, start + records.length);
    if (Buffer.compare(memory.bytes.subarray(start, kept_end), wanted) !== 0) {
      expect(memory.bytes.slice(start, kept_end)).toEqual(wanted);
    }
    seen.hits += wanted.length;
    seen.misses += records.length - wanted.length;
  } finally {
    matcher.close();
  }
}

describe('frames of every protocol, whole and cut', () => {
  const packets = protocolFrames().map(({ bytes }) => bytes);

  test.each(filterCases)('$name', ({ ask, tcpdump }) => {
    const checked = checkFilterV1(ask.filter_v1 ?? {});
    if (!checked.ok) throw new Error('a case that is no filter');
    const joined = joinFilter({ filter_v1: checked.value, expression: ask.filter_expression, networks: 'all' });
    for (const text of [joined, asWritten(tcpdump)]) {
      const program = programHere(text);
      expect(program).toBeDefined();
      if (program === undefined) continue;
      for (const snaplen of [262_144, 160, 60, 54, 38, 34, 26, 14, 13, 1, 0])
        expectLikeLibpcap(program, recordsOf(packets, snaplen), snaplen);
    }
  });
});

function asWritten(text: string): JoinedFilter {
  return { expression_text: text, any_tags_text: '', own_tags_text: text };
}

const packets = fc.array(fc.oneof(wholeFrame, cutFrame).map(frameBytes), { minLength: 1, maxLength: 60 });
const snaplen = fc.oneof(fc.constant(160), fc.nat(80));

test('random filters within random scopes', () => {
  fc.assert(
    fc.property(
      packets,
      snaplen,
      filterV1,
      fc.oneof(fc.constant('all' as const), fc.array(networkText4or6, { minLength: 1, maxLength: 4 })),
      (frames, cut, filter_v1, networks) => {
        const program = programHere(joinFilter({ filter_v1, networks }));
        if (program !== undefined) expectLikeLibpcap(program, recordsOf(frames, cut));
      },
    ),
    { numRuns: times(150) },
  );
});

test.each([
  ['Ethernet', 1, 0],
  ['raw IP', 101, 14],
])('random expressions for %s', (_, linktype, header) => {
  let compiled = 0;
  fc.assert(
    fc.property(packets, snaplen, randomArithmetic, (frames, cut, text) => {
      const program = programOf(text, linktype);
      if (program === undefined) return;
      compiled++;
      expectLikeLibpcap(
        program,
        recordsOf(
          frames.map((frame) => frame.subarray(header)),
          cut,
        ),
      );
    }),
    { numRuns: times(300) },
  );
  expect(compiled).toBeGreaterThan(100 * soak);
});

/** Undefined where libpcap refuses the text, for this link type or at all, or sees that no packet matches. */
function programOf(text: string, linktype: number): Program | undefined {
  try {
    return programHere(asWritten(text), linktype);
  } catch {
    return undefined;
  }
}

test('many hosts and ports in one filter', () => {
  const hosts = Array.from({ length: 100 }, (_, index) => `host 10.200.${index >> 4}.${index}`).join(' or ');
  const ports = Array.from({ length: 40 }, (_, index) => `port ${index * 11 + 3}`).join(' or ');
  const program = programHere(
    joinFilter({ filter_v1: {}, expression: `not (${hosts}) and (${ports} or udp)`, networks: 'all' }),
  );
  expect(program?.instructions.length).toBeGreaterThan(8 * 1000);
  fc.assert(
    fc.property(packets, (frames) => {
      if (program !== undefined) expectLikeLibpcap(program, recordsOf(frames));
    }),
    { numRuns: times(20) },
  );
});
