import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runBpf } from '../../test/support/bpf_machine.ts';
import { randomInstructions } from '../../test/support/random_program.ts';
import { FaultError } from '../model/errors/fault.ts';
import { openMatcher } from './match_records.ts';
import { accept, ancillary, encodeInstructions, type Instruction, type Program } from './program.ts';
import { createRecordMemory, openRecordFilter, type RecordMemory } from './record_filter.ts';
import { soak, times } from '../../test/support/soak.ts';

function programOf(instructions: readonly Instruction[]): Program {
  return { linktype: 1, instructions: encodeInstructions(instructions) };
}

/** An instruction without jumps. */
function plain(code: number, k = 0): Instruction {
  return { code, jt: 0, jf: 0, k };
}

const accepts_all = programOf([accept(1)]);
/** Accepts packets whose first byte is odd. */
const odd = programOf([plain(0x30), { code: 0x45, jt: 0, jf: 1, k: 1 }, accept(262_144), accept(0)]);

interface Packet {
  readonly bytes: Uint8Array;
  readonly wire_length: number;
  readonly time: number;
}

const packet: fc.Arbitrary<Packet> = fc.record({
  bytes: fc.uint8Array({ maxLength: 64 }),
  wire_length: fc.oneof(fc.nat(2000), fc.nat(0xffff_ffff)),
  time: fc.nat(0xffff_ffff),
});

function recordsOf(packets: readonly Packet[]): Buffer {
  return Buffer.concat(
    packets.map(({ bytes, wire_length, time }) => {
      const head = Buffer.alloc(16);
      for (const [index, word] of [time, time >>> 7, bytes.length, wire_length].entries()) {
        head.writeUInt32LE(word, index * 4);
      }
      return Buffer.concat([head, bytes]);
    }),
  );
}

/** A memory of which nothing is known yet. */
function dirty(memory: RecordMemory): RecordMemory {
  memory.bytes.fill(0xee);
  return memory;
}

/** Runs a filter over records that are put at an offset, and gives those it kept. Checks that it leaves all else alone. */
function filtered(program: Program, records: Uint8Array, memory: RecordMemory, start = 0): Buffer {
  dirty(memory).bytes.set(records, start);
  const end = start + records.length;
  const kept_end = openRecordFilter(program, memory).filter(start, end);
  expect(kept_end).toBeGreaterThanOrEqual(start);
  expect(kept_end).toBeLessThanOrEqual(end);
  expectUntouched(memory, start, end);
  return Buffer.from(memory.bytes.slice(start, kept_end));
}

/** Compares long bytes quickly. */
function expectSame(bytes: Uint8Array, wanted: Uint8Array): void {
  if (Buffer.compare(bytes, wanted) !== 0) expect(bytes).toEqual(wanted);
}

function expectUntouched({ bytes }: RecordMemory, start: number, end: number): void {
  for (const part of [bytes.subarray(0, start), bytes.subarray(end)]) {
    expectSame(part, Buffer.alloc(part.length, 0xee));
  }
}

describe('a random program picks', () => {
  const memory = createRecordMemory(4096);

  test('what the description of the machine says', () => {
    let [hits, all] = [0, 0];
    fc.assert(
      fc.property(
        fc.array(packet, { maxLength: 30, size: 'max' }),
        fc.oneof({ weight: 4, arbitrary: randomInstructions(30) }, randomInstructions(300)),
        fc.nat(1000),
        (packets, instructions, start) => {
          const program = programOf(instructions);
          const wanted = packets.filter((one) => runBpf(program.instructions, one) !== 0);
          expectSame(filtered(program, recordsOf(packets), memory, start), recordsOf(wanted));
          hits += wanted.length;
          all += packets.length;
        },
      ),
      { numRuns: times(600) },
    );
    // The random programs do tell packets apart.
    expect(hits).toBeGreaterThan(all / 20);
    expect(hits).toBeLessThan((all * 9) / 10);
  });

  test('what libpcap says', () => {
    // libpcap does not clear the scratch words.
    const cleared = Array.from({ length: 16 }, (_, word) => plain(0x02, word));
    fc.assert(
      fc.property(
        fc.array(packet, { maxLength: 30, size: 'max' }),
        randomInstructions(100),
        (packets, instructions) => {
          const program = programOf([...cleared, ...instructions]);
          const matcher = openMatcher(program);
          const records = recordsOf(packets);
          expectSame(filtered(program, records, memory), matcher.match(records));
          matcher.close();
        },
      ),
      { numRuns: times(250) },
    );
  });

  test('the same packets one by one, wherever they lie', () => {
    fc.assert(
      fc.property(packet, fc.nat(4000), randomInstructions(50), ({ bytes, wire_length }, offset, instructions) => {
        const program = programOf(instructions);
        dirty(memory).bytes.set(bytes, offset);
        const filter = openRecordFilter(program, memory);
        const wanted = runBpf(program.instructions, { bytes, wire_length }) !== 0;
        expect(filter.matches(offset, bytes.length, wire_length)).toBe(wanted);
        // What is behind the captured bytes is not the packet's.
        const cut = bytes.subarray(0, bytes.length >> 1);
        expect(filter.matches(offset, cut.length, wire_length)).toBe(
          runBpf(program.instructions, { bytes: cut, wire_length }) !== 0,
        );
        expectUntouched(memory, offset, offset + bytes.length);
      }),
      { numRuns: times(1000) },
    );
  });
});

test('a load is within the captured bytes or rejects the packet, whatever was loaded before', () => {
  const memory = createRecordMemory(200);
  const at = fc.nat(40);
  const sets_x = fc.oneof(
    at.map((k) => [plain(0x01, k)]),
    at.map((k) => [plain(0x00, k), plain(0x07)]),
    at.map((k) => [plain(0x00, k), plain(0x02, 2), plain(0x61, 2)]),
    fc.constant([plain(0x81)]),
    at.map((k) => [plain(0xb1, k)]),
  );
  const load = fc
    .tuple(fc.constantFrom(0x20, 0x28, 0x30, 0x40, 0x48, 0x50), at, fc.constantFrom(0, 1, 4))
    .map(([code, k, few]) => plain(code, code < 0x40 ? k : few));
  const piece = fc.tuple(fc.oneof(sets_x, fc.constant([])), fc.array(load, { minLength: 1, maxLength: 2 }));
  let [hits, misses] = [0, 0];
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 20, maxLength: 46 }),
      at,
      fc.array(piece, { minLength: 2, maxLength: 3, size: 'max' }),
      (bytes, wire_length, pieces) => {
        const program = programOf([...pieces.flat(2), accept(1)]);
        const wanted = runBpf(program.instructions, { bytes, wire_length }) !== 0;
        dirty(memory).bytes.set(bytes, 50);
        expect(openRecordFilter(program, memory).matches(50, bytes.length, wire_length)).toBe(wanted);
        if (wanted) hits++;
        else misses++;
      },
    ),
    { numRuns: times(2000) },
  );
  expect(Math.min(hits, misses)).toBeGreaterThan(300 * Math.min(1, soak));
});

test.each<[string, number, (a: bigint, operand: bigint) => bigint | undefined]>([
  ['add', 0x04, (a, operand) => a + operand],
  ['sub', 0x14, (a, operand) => a - operand],
  ['mul', 0x24, (a, operand) => a * operand],
  ['div', 0x34, (a, operand) => (operand === 0n ? undefined : a / operand)],
  ['or', 0x44, (a, operand) => a | operand],
  ['and', 0x54, (a, operand) => a & operand],
  ['lsh', 0x64, (a, operand) => (operand > 31n ? 0n : a << operand)],
  ['rsh', 0x74, (a, operand) => (operand > 31n ? 0n : a >> operand)],
  ['neg', 0x84, (a) => -a],
  ['mod', 0x94, (a, operand) => (operand === 0n ? undefined : a % operand)],
  ['xor', 0xa4, (a, operand) => a ^ operand],
])('%s computes with 32 bits without a sign', (_, code, wanted) => {
  const memory = createRecordMemory(1);
  const number = fc.oneof(fc.nat(40), fc.nat(0xffff_ffff), fc.constantFrom(0x7fff_ffff, 0x8000_0000, 0xffff_ffff));
  fc.assert(
    fc.property(number, number, fc.boolean(), (a, operand, by_x) => {
      const refused = !by_x && (code === 0x64 || code === 0x74) && operand > 31;
      fc.pre(!refused && (by_x || operand !== 0));
      const result = wanted(BigInt(a), BigInt(operand));
      const matchesResult = (value: bigint): boolean => {
        const compute = by_x && code !== 0x84 ? plain(code + 8) : plain(code, operand);
        const equals = { code: 0x15, jt: 0, jf: 1, k: Number(BigInt.asUintN(32, value)) };
        const program = programOf([plain(0x00, a), plain(0x01, operand), compute, equals, accept(1), accept(0)]);
        return openRecordFilter(program, memory).matches(0, 0, 0);
      };
      expect(matchesResult(result ?? 0n)).toBe(result !== undefined);
      expect(matchesResult((result ?? 0n) + 1n)).toBe(false);
    }),
    { numRuns: times(60) },
  );
});

describe('records', () => {
  test('all of which match stay where they are, and none is kept of those that do not', () => {
    const memory = createRecordMemory(1000);
    const records = recordsOf(
      [1, 3, 5, 7].map((first) => ({ bytes: Uint8Array.of(first, 2), wire_length: 9, time: first })),
    );
    expectSame(filtered(odd, records, memory, 10), records);
    expectSame(filtered(odd, records, memory, memory.capacity_bytes - records.length), records);
    const even = programOf([plain(0x30), { code: 0x45, jt: 1, jf: 0, k: 1 }, accept(1), accept(0)]);
    expect(filtered(even, records, memory, 10)).toHaveLength(0);
    expect(filtered(accepts_all, Buffer.alloc(0), memory, memory.capacity_bytes)).toHaveLength(0);
  });

  test('of any header: what is not whole is a fault that says where, and nothing else is touched', () => {
    const memory = createRecordMemory(2000);
    const lengths = fc.constantFrom(
      0,
      1,
      2,
      15,
      16,
      17,
      100,
      0x7fff_ffff,
      0x8000_0000,
      0xffff_ffef,
      0xffff_fff0,
      0xffff_ffff,
    );
    const piece = fc.oneof(
      { weight: 4, arbitrary: packet.map((one) => recordsOf([one])) },
      fc.tuple(packet, fc.oneof(lengths, fc.nat(0xffff_ffff))).map(([one, captured]) => {
        const record = recordsOf([one]);
        record.writeUInt32LE(captured, 8);
        return record;
      }),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    );
    let torn = 0;
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fc.nat(60), fc.boolean(), (pieces, before, at_the_end) => {
        const records = Buffer.concat(pieces);
        const start = at_the_end ? memory.capacity_bytes - records.length : before;
        const { whole, offset } = wholeRecords(records);
        if (offset === records.length) {
          const wanted = Buffer.concat(whole.filter((one) => one.length > 16 && ((one[16] ?? 0) & 1) === 1));
          expectSame(filtered(odd, records, memory, start), wanted);
          return;
        }
        torn++;
        dirty(memory).bytes.set(records, start);
        const opened = openRecordFilter(odd, memory);
        const fault = faultOf(() => opened.filter(start, start + records.length));
        expect(fault).toMatchObject({ name: 'pcap_truncated' });
        expect(fault.message).toContain(`at byte ${start + offset}.`);
        expectUntouched(memory, start, start + records.length);
      }),
      { numRuns: times(1500) },
    );
    expect(torn).toBeGreaterThan(500 * Math.min(1, soak));
  });

  test('that are longer than any packet of libpcap', () => {
    const memory = createRecordMemory(1_000_000);
    const long = { bytes: new Uint8Array(400_000).fill(1), wire_length: 500_000, time: 3 };
    const short = { bytes: Uint8Array.of(2), wire_length: 1, time: 4 };
    expectSame(filtered(odd, recordsOf([short, long, short, long]), memory), recordsOf([long, long]));
  });
});

/** The whole records that bytes begin with, and where they end. */
function wholeRecords(records: Buffer): { readonly whole: readonly Buffer[]; readonly offset: number } {
  const whole: Buffer[] = [];
  let offset = 0;
  while (offset + 16 <= records.length) {
    const next = offset + 16 + records.readUInt32LE(offset + 8);
    if (next > records.length) break;
    whole.push(records.subarray(offset, next));
    offset = next;
  }
  return { whole, offset };
}

function faultOf(act: () => unknown): FaultError['faults'][0] {
  try {
    act();
  } catch (error) {
    if (error instanceof FaultError) return error.faults[0];
    throw error;
  }
  throw new Error('there was no fault');
}

describe('a program of any length', () => {
  const memory = createRecordMemory(100_000);
  const packets = Array.from({ length: 500 }, (_, index) => ({
    bytes: Uint8Array.of(index >> 8, index, 7, 200, index * 3, 1, 0, index * 5),
    wire_length: index,
    time: index,
  }));

  test('of one of 2,000 words, as libpcap chains them', () => {
    // ld [0]; for each word, jeq to the next instruction, which jumps to the end, or to the one behind it.
    const words = Array.from(
      { length: 2000 },
      (_, index) => (((index >> 8) << 24) | ((index & 0xff) << 16) | (7 << 8) | 200) >>> 0,
    );
    const picked = words.filter((_, index) => index % 3 === 0);
    const chain = [...picked, ...Array.from({ length: 2000 - picked.length }, (_, index) => index)];
    const instructions = [
      plain(0x20),
      ...chain.flatMap((word) => [{ code: 0x15, jt: 0, jf: 1, k: word }, plain(0x05)]),
    ];
    const whole = [...instructions, accept(0), accept(1)];
    const program = programOf(
      whole.map((one, index) => (one.code === 0x05 ? { ...one, k: whole.length - 2 - index } : one)),
    );
    const wanted = packets.filter((_, index) => index % 3 === 0);
    expectSame(filtered(program, recordsOf(packets), memory), recordsOf(wanted));
  });

  test('as long as the kernel takes, with jumps from and to everywhere', () => {
    let lengths = 0;
    fc.assert(
      fc.property(randomInstructions(4096, 3500), (instructions) => {
        lengths += instructions.length;
        const program = programOf(instructions);
        const wanted = packets.filter((one) => runBpf(program.instructions, one) !== 0);
        expectSame(filtered(program, recordsOf(packets), memory), recordsOf(wanted));
      }),
      { numRuns: times(10) },
    );
    expect(lengths).toBeGreaterThan(35_000 * soak);
  });

  test('in which every instruction is jumped to, and the last decides', () => {
    // Each compares a counter that the one before has raised: all of them run.
    const steps = Array.from({ length: 1023 }, (_, index) => [
      plain(0x04, 1),
      { code: 0x15, jt: 1, jf: 0, k: index + 1 },
      accept(0),
      { code: 0x35, jt: 0, jf: 0, k: 5 },
    ]).flat();
    const whole = [...steps, plain(0x14, 1023), { code: 0x15, jt: 0, jf: 1, k: 0 }, accept(1), accept(0)];
    expect(whole).toHaveLength(4096);
    expectSame(filtered(programOf(whole), recordsOf(packets), memory), recordsOf(packets));
  });
});

test('filters that share a memory do not disturb each other', () => {
  const memory = createRecordMemory(100);
  const [all, some] = [openRecordFilter(accepts_all, memory), openRecordFilter(odd, memory)];
  const records = recordsOf([2, 3].map((first) => ({ bytes: Uint8Array.of(first), wire_length: 9, time: first })));
  memory.bytes.set(records, 20);
  expect(all.filter(20, 20 + records.length)).toBe(20 + records.length);
  expect(some.filter(20, 20 + records.length)).toBe(20 + 17);
  expect([some.matches(36, 1, 1), all.matches(36, 0, 1), some.matches(36, 0, 1)]).toEqual([true, true, false]);
});

test('scratch words begin as 0 with every packet', () => {
  const counts = programOf([
    plain(0x60, 3),
    plain(0x04, 1),
    plain(0x02, 3),
    { code: 0x15, jt: 0, jf: 1, k: 1 },
    accept(1),
    accept(0),
  ]);
  const records = recordsOf([1, 2, 3].map((time) => ({ bytes: Uint8Array.of(0), wire_length: 1, time })));
  expectSame(filtered(counts, records, createRecordMemory(100)), records);
});

describe('refused is', () => {
  const memory = createRecordMemory(100);

  test('a program of a live capture, and one that is none', () => {
    const live = programOf([plain(0x20, ancillary.packet_type), accept(1)]);
    expect(() => openRecordFilter(live, memory)).toThrow('live capture');
    expect(() => openRecordFilter(programOf([plain(0x05, 100)]), memory)).toThrow(RangeError);
    expect(() => openRecordFilter({ linktype: 1, instructions: new Uint8Array(9) }, memory)).toThrow(RangeError);
  });

  test.each([
    [-1, 10],
    [0, 101],
    [50, 49],
    [0.5, 20],
    [0, Number.NaN],
    [0, 2 ** 32 + 16],
  ])('what does not lie in the memory: %d to %d', (start, end) => {
    const filter = openRecordFilter(accepts_all, memory);
    expect(() => filter.filter(start, end)).toThrow(RangeError);
    expect(() => filter.matches(start, end - start, 1)).toThrow('do not lie in a memory of 100');
  });

  test.each([0, -1, 1.5, 2 ** 31, Number.NaN])('a memory of %d bytes', (capacity_bytes) => {
    expect(() => createRecordMemory(capacity_bytes)).toThrow(RangeError);
  });
});

test('a memory has as many bytes as were asked for, all of them 0', () => {
  for (const capacity_bytes of [1, 65_536, 65_537]) {
    const { bytes, view, capacity_bytes: told } = createRecordMemory(capacity_bytes);
    expect([bytes.length, view.byteLength, told]).toEqual([capacity_bytes, capacity_bytes, capacity_bytes]);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    view.setUint8(capacity_bytes - 1, 7);
    expect(bytes.at(-1)).toBe(7);
  }
});

test('counts what it rejects only because what decides was not captured', () => {
  const memory = createRecordMemory(4096);
  const cut = { bytes: new Uint8Array(10), wire_length: 20, time: 0 };
  const whole = { bytes: new Uint8Array(10), wire_length: 10, time: 0 };
  const countOf = (instructions: readonly Instruction[], ...packets: readonly Packet[]): number => {
    const records = recordsOf(packets);
    dirty(memory).bytes.set(records, 0);
    const filter = openRecordFilter(programOf(instructions), memory);
    filter.filter(0, records.length);
    for (let at = 0; at < records.length; at += 26) filter.matches(at + 16, 10, records.readUInt32LE(at + 12));
    return filter.unjudged / 2;
  };
  const load = (offset: number): Instruction[] => [plain(0x30, offset), accept(1)];
  expect(countOf(load(9), cut, whole)).toBe(0);
  expect(countOf(load(10), cut, whole, cut)).toBe(2);
  // Behind x, and the length of an IP header.
  expect(countOf([plain(0x01, 8), plain(0x50, 2), accept(1)], cut, whole)).toBe(1);
  expect(countOf([plain(0xb1, 15), accept(1)], cut, whole)).toBe(1);
  // Rejected by a value, by a division by zero, and for what no packet has.
  expect(countOf([accept(0)], cut)).toBe(0);
  expect(countOf([plain(0x01, 0), plain(0x3c), accept(1)], cut)).toBe(0);
  expect(countOf(load(2 ** 31), cut)).toBe(0);
});
