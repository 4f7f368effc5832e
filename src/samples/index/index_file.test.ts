import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32 } from 'node:zlib';
import { formulaHolds, peeked } from '../../../test/filters/formula_holds.ts';
import { hiddenFrame } from '../../../test/filters/hidden_frame.ts';
import { addresses4, addresses6, cutFrame, frameBytes, ports, protocols } from '../../../test/filters/random_frame.ts';
import type { IndexFormula, IndexTerm } from '../../filter/index_formula.ts';
import { addressText, parseNetwork } from '../../filter/address.ts';
import { createInnerPackets, findInnerPackets } from '../../pcap/inner_packets.ts';
import { createPeek, peekIp, peekPacket } from '../../pcap/peek.ts';
import { compareSplit } from '../compare_split.ts';
import { splitTime } from '../split_time.ts';
import { recordsOf, runs, type TestPacket } from '../test_packets.ts';
import { BlockEntries, blocksInMemory } from './block_entries.ts';
import { builderKeys } from './builder_keys.ts';
import { encodeBlocks } from './encode_blocks.ts';
import { encodeIndex } from './encode_index.ts';
import { formulaBlocks, type KeySource } from './formula_blocks.ts';
import { IndexBuilder } from './index_builder.ts';
import { IndexDamage } from './index_damage.ts';
import { IndexDirectory, type ReadAt } from './index_directory.ts';
import { createIndexMemory, IndexFile } from './index_file.ts';
import type { KeyLayer } from './index_layout.ts';

const number = 7;
const begin = 1_769_846_400_000_000_000n;

/** Of an address that is cut off, what counts is what libpcap reads of it: the look-back's own test has that. */
function isCutOff(bytes: Uint8Array): boolean {
  const { peek } = peeked(1, bytes);
  return peek.address_length === 16 && (peek.source_offset < 0 || peek.destination_offset < 0);
}

const frame = fc.oneof(
  cutFrame.map((one) => frameBytes(one).slice(0, one.captured)),
  hiddenFrame.map((bytes) => bytes.slice(0, 160)),
);
const packet: fc.Arbitrary<TestPacket> = fc
  .record({ frame: frame.filter((bytes) => !isCutOff(bytes)), step: fc.integer({ min: -5, max: 20 }) })
  .map(({ frame: bytes, step }) => ({
    time: begin + BigInt(step),
    original: Math.max(1, bytes.length),
    bytes: bytes.slice(0, 160),
  }));

const network = fc
  .record({ address: fc.constantFrom(...addresses4, ...addresses6), bits: fc.nat(128) })
  .map(({ address, bits }) => {
    const found = parseNetwork(`${addressText(Uint8Array.from(address))}/${Math.min(bits, address.length * 8)}`);
    if (found === undefined) throw new Error('not a network');
    return found;
  });
const term: fc.Arbitrary<IndexTerm> = fc.oneof(
  network.map((one): IndexTerm => ({ kind: 'network', network: one })),
  fc.constantFrom(...ports).map((port): IndexTerm => ({ kind: 'port', from: port, to: port })),
  fc
    .tuple(fc.nat(65_535), fc.nat(65_535))
    .map(([a, b]): IndexTerm => ({ kind: 'port', from: Math.min(a, b), to: Math.max(a, b) })),
  fc.constantFrom(...protocols).map((protocol): IndexTerm => ({ kind: 'protocol', protocol })),
);
const { formula } = fc.letrec<{ formula: IndexFormula }>((tie) => ({
  formula: fc.oneof(
    { maxDepth: 3 },
    term.map((one): IndexFormula => ({ kind: 'term', term: one })),
    fc.constantFrom<IndexFormula>({ kind: 'any' }, { kind: 'none' }),
    fc
      .record({
        kind: fc.constantFrom('and' as const, 'or' as const),
        of: fc.array(tie('formula'), { minLength: 1, maxLength: 4 }),
      })
      .map((one): IndexFormula => one),
  ),
}));

/** Enough packets for several blocks, out of few different ones. */
const segment = fc
  .record({
    packets: fc.array(packet, { minLength: 1, maxLength: 30 }),
    repeats: fc.integer({ min: 1, max: 30 }),
    slice: fc.integer({ min: 200, max: 5000 }),
  })
  .map(({ packets, repeats, slice }) => {
    // Each packet in a stretch of its own, so that blocks differ.
    const all = packets.flatMap((one) => Array.from({ length: repeats }, () => one));
    const records = recordsOf(all);
    const builder = new IndexBuilder(1, 99);
    for (let at = 0; at < records.length; ) at += builder.add(records.subarray(at, at + slice), 160);
    return { all, records, builder };
  });

function bytesOf(builder: IndexBuilder): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(encodeIndex(builder, number)));
}

function fileOf(bytes: Uint8Array<ArrayBuffer>, length: number, of = number): IndexFile {
  const read: ReadAt = (offset, into) => {
    const piece = bytes.subarray(offset, offset + into.length);
    into.set(piece);
    return piece.length;
  };
  return new IndexFile(read, new IndexDirectory(read, { number: of, linktype: 1, length }), createIndexMemory());
}

/** The packets of each block, the plain way. */
function blocksOf(all: readonly TestPacket[]): readonly (readonly TestPacket[])[] {
  const blocks: TestPacket[][] = [];
  let length = 4096;
  for (const one of all) {
    if (length >= 4096) {
      blocks.push([]);
      length = 0;
    }
    blocks.at(-1)?.push(one);
    length += 16 + one.bytes.length;
  }
  return blocks;
}

/** By the packet's own headers, or those of any packet inside it. */
function holds(wanted: IndexFormula, { bytes }: TestPacket, layer: KeyLayer): boolean {
  if (layer === 'outer') return formulaHolds(wanted, peeked(1, bytes));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [peek, inside] = [createPeek(), createInnerPackets()];
  peekPacket(1, view, 0, bytes.length, peek);
  findInnerPackets(view, 0, bytes.length, peek, inside);
  return Array.from({ length: inside.count }, (_, index) => {
    const inner = createPeek();
    const offset = inside.offsets[index] ?? 0;
    peekIp(inside.versions[index] === 6 ? 6 : 4, view, offset, bytes.length - offset, inner);
    return formulaHolds(wanted, { bytes, peek: inner });
  }).some(Boolean);
}

describe('an index', () => {
  test('leaves out no block with a packet that a formula is about, and lists the rest by its keys alone', () => {
    fc.assert(
      fc.property(segment, fc.array(formula, { minLength: 5, maxLength: 15 }), ({ all, builder }, formulas) => {
        const blocks = blocksOf(all);
        expect(builder.blocks.count).toBe(blocks.length);
        const sources: readonly KeySource[] = [fileOf(bytesOf(builder), builder.length), builderKeys(builder)];
        for (const wanted of formulas) {
          for (const layer of ['outer', 'inner'] as const) {
            const [found, growing] = sources.map((source) => formulaBlocks(wanted, layer, source));
            const listed = (bits: typeof found): boolean[] =>
              blocks.map((_, block) => bits === undefined || bits.has(block));
            expect(listed(growing)).toEqual(listed(found));
            for (const [block, packets] of blocks.entries()) {
              if (packets.some((one) => holds(wanted, one, layer)))
                expect([block, listed(found)[block]]).toEqual([block, true]);
              // A single term is answered exactly, but for addresses that are cut off.
              else if (wanted.kind === 'term' && wanted.term.kind === 'port')
                expect([block, listed(found)[block]]).toEqual([block, false]);
            }
          }
        }
      }),
      runs(60),
    );
  });

  test('has each block where it is, with its checksum and its times', () => {
    fc.assert(
      fc.property(segment, ({ all, records, builder }) => {
        const file = fileOf(bytesOf(builder), builder.length);
        for (const pages of [file, blocksInMemory(encodeBlocks(builder.blocks), builder.length)]) {
          const entries = new BlockEntries(pages);
          let at = 0;
          let newest = splitTime(0n);
          for (const [block, packets] of blocksOf(all).entries()) {
            const bytes = records.subarray(at, at + recordsOf(packets).length);
            expect(entries.offset(block)).toBe(24 + at);
            expect(entries.checksum(block)).toBe(crc32(bytes));
            const times = packets.map(({ time }) => time).toSorted((a, b) => Number(a - b));
            expect(entries.least(block)).toEqual(splitTime(times[0] ?? 0n));
            expect(entries.greatest(block)).toEqual(splitTime(times.at(-1) ?? 0n));
            if (compareSplit(entries.greatest(block), newest) > 0) newest = entries.greatest(block);
            expect(entries.newestUpTo(block)).toEqual(newest);
            at += bytes.length;
          }
          expect(entries.offset(entries.count)).toBe(24 + records.length);
        }
      }),
      runs(60),
    );
  });

  test('that is changed in any byte is refused, or says what it said before', () => {
    const [{ all, builder } = { all: [], builder: new IndexBuilder(1, 1) }] = fc.sample(segment, {
      numRuns: 1,
      seed: 11,
    });
    const good = bytesOf(builder);
    const blocks = blocksOf(all).length;
    const answers = (bytes: Uint8Array<ArrayBuffer>, wanted: readonly IndexFormula[]): unknown => {
      const file = fileOf(bytes, builder.length);
      const entries = new BlockEntries(file);
      return [
        wanted.map((one) => {
          const bits = formulaBlocks(one, 'outer', file);
          return Array.from({ length: blocks }, (_, block) => bits === undefined || bits.has(block));
        }),
        Array.from({ length: blocks }, (_, block) => [
          entries.offset(block),
          entries.checksum(block),
          entries.least(block),
        ]),
      ];
    };
    fc.assert(
      fc.property(
        fc.nat(good.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.array(formula, { maxLength: 4 }),
        (at, change, wanted) => {
          const bytes = good.slice();
          bytes[at] = (bytes[at] ?? 0) ^ change;
          let found: unknown;
          try {
            found = answers(bytes, wanted);
          } catch (error) {
            expect(error).toBeInstanceOf(IndexDamage);
            return;
          }
          expect(found).toEqual(answers(good, wanted));
        },
      ),
      runs(1500),
    );
  });

  test('that is cut off, longer, or any bytes at all is refused', () => {
    const [{ builder } = { builder: new IndexBuilder(1, 1) }] = fc.sample(segment, { numRuns: 1, seed: 5 });
    const good = bytesOf(builder);
    const all: IndexFormula = { kind: 'term', term: { kind: 'port', from: 0, to: 65_535 } };
    fc.assert(
      fc.property(
        fc.oneof(
          fc.nat(good.length - 1).map((length) => good.slice(0, length)),
          fc.uint8Array({ maxLength: 400 }).map((one) => new Uint8Array(one)),
        ),
        (bytes) => {
          try {
            const file = fileOf(bytes, builder.length);
            formulaBlocks(all, 'outer', file);
            new BlockEntries(file).offset(0);
          } catch (error) {
            expect(error).toBeInstanceOf(IndexDamage);
          }
        },
      ),
      runs(500),
    );
    expect(() => fileOf(good, builder.length + 1)).toThrow(IndexDamage);
    expect(() => fileOf(good, builder.length, 8)).toThrow(/segment 7/);
  });
});

test.each([
  ['zeros, as a file system may leave them', (bytes: Uint8Array) => bytes.fill(0, 0, 16)],
  ['more captured than original bytes', (bytes: Uint8Array) => bytes.fill(0, 12, 16)],
  ['a second of nanoseconds', (bytes: Uint8Array) => new DataView(bytes.buffer).setUint32(4, 1_000_000_000, true)],
  ['more captured than may be', (bytes: Uint8Array) => new DataView(bytes.buffer).setUint32(8, 161, true)],
] as const)('a builder stops before what is no record: %s', (_, spoil) => {
  const good = recordsOf([{ time: begin, original: 60, bytes: new Uint8Array(60).fill(1) }]);
  const bad = Uint8Array.from(good);
  spoil(bad);
  const bytes = Uint8Array.from([...good, ...bad, ...good]);
  const builder = new IndexBuilder(1, 1);
  expect(builder.add(bytes, 160)).toBe(good.length);
  expect(builder.records).toBe(1);
  expect(builder.add(bytes.subarray(good.length), 160)).toBe(0);
});
