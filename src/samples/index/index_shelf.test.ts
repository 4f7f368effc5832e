import { closeSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { recordsOf } from '../test_packets.ts';
import { BlockBits } from './block_bits.ts';
import { encodeIndex } from './encode_index.ts';
import { IndexBuilder } from './index_builder.ts';
import { IndexDamage } from './index_damage.ts';
import { index_header_bytes } from './index_layout.ts';
import { IndexShelf } from './index_shelf.ts';

let directory: string;
const open: number[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'edgetap-shelf-'));
});
afterEach(() => {
  for (const descriptor of open.splice(0)) closeSync(descriptor);
  rmSync(directory, { recursive: true });
});

/** An index of a segment of UDP packets to one port, and how many blocks it has. */
function indexOf(number: number, port: number, packets: number): { bytes: Buffer; length: number; blocks: number } {
  const frame = Buffer.from(
    '020000000001020000000002080045000024000000004011000001010101020202020bb800000010000000000000',
    'hex',
  );
  frame.writeUInt16BE(port, 36);
  const records = recordsOf(
    Array.from({ length: packets }, (_, index) => ({ time: BigInt(index), original: frame.length, bytes: frame })),
  );
  const builder = new IndexBuilder(1, 99);
  for (let at = 0; at < records.length; ) at += builder.add(records.subarray(at), 160);
  return { bytes: Buffer.concat(encodeIndex(builder, number)), length: builder.length, blocks: builder.blocks.count };
}

function write(name: string, bytes: Uint8Array): number {
  const path = join(directory, name);
  writeFileSync(path, bytes);
  const descriptor = openSync(path, 'r');
  open.push(descriptor);
  return descriptor;
}

/** The blocks in which a port occurs. */
function blocksWith(shelf: IndexShelf, descriptor: number, number: number, length: number, port: number): number {
  const file = shelf.open(descriptor, { number, linktype: 1, length });
  const found = new BlockBits(file.blocks);
  file.addTerm({ kind: 'port', from: port, to: port }, 'outer', found);
  return found.count;
}

test('an index that was opened before is known, and still says what is in it', () => {
  const shelf = new IndexShelf();
  const [first, second] = [indexOf(1, 1000, 300), indexOf(2, 2000, 500)];
  const [one, other] = [write('1', first.bytes), write('2', second.bytes)];
  for (let round = 0; round < 3; round += 1) {
    expect(blocksWith(shelf, one, 1, first.length, 1000)).toBe(first.blocks);
    expect(blocksWith(shelf, other, 2, second.length, 2000)).toBe(second.blocks);
    expect(blocksWith(shelf, other, 2, second.length, 1000)).toBe(0);
  }
  expect(shelf.size).toBe(2);
  // It is the index of segment 1 and of no other, known or not.
  expect(() => shelf.open(one, { number: 2, linktype: 1, length: first.length })).toThrow(IndexDamage);
});

test('what was written to, or has taken the place of another, is read anew', () => {
  const shelf = new IndexShelf();
  const { bytes, length, blocks } = indexOf(1, 1000, 300);
  const descriptor = write('1', bytes);
  expect(blocksWith(shelf, descriptor, 1, length, 1000)).toBe(blocks);
  const damaged = Buffer.from(bytes);
  damaged.writeUInt8(damaged.readUInt8(index_header_bytes + 3) ^ 1, index_header_bytes + 3);
  writeFileSync(join(directory, '1'), damaged);
  // A clock that ticks slowly does not hide it here.
  utimesSync(join(directory, '1'), 5, 5);
  expect(() => shelf.open(descriptor, { number: 1, linktype: 1, length })).toThrow("directory's checksum");
  const again = write('new', bytes);
  renameSync(join(directory, 'new'), join(directory, '1'));
  expect(readFileSync(join(directory, '1'))).toEqual(bytes);
  expect(blocksWith(shelf, again, 1, length, 1000)).toBe(blocks);
});

test('of many the last used are kept, within their bytes', () => {
  const made = [1, 2, 3].map((number) => ({ number, ...indexOf(number, 1000 + number, 300) }));
  const each = new IndexShelf();
  const descriptors = made.map(({ number, bytes }) => write(String(number), bytes));
  const look = (shelf: IndexShelf, at: number): void => {
    const { number, length, blocks } = made[at] ?? { number: 0, length: 0, blocks: 0 };
    expect(blocksWith(shelf, descriptors[at] ?? -1, number, length, 1000 + number)).toBe(blocks);
  };
  for (const at of [0, 1, 2]) look(each, at);
  expect(each.size).toBe(3);
  const shelf = new IndexShelf({
    kept_max_bytes: 2 * made.reduce((sum, { bytes }) => Math.max(sum, bytes.readUInt32LE(56)), 0),
  });
  for (const at of [0, 1, 2, 0, 1, 2, 2, 1]) look(shelf, at);
  expect(shelf.size).toBe(2);
  const none = new IndexShelf({ kept_max_bytes: 0 });
  for (const at of [0, 1, 1]) look(none, at);
  expect(none.size).toBe(0);
});
