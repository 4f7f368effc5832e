import type { BlockBits } from './block_bits.ts';

const as_gaps = 1;
const as_bits = 2;

/** The most bytes that the list of so many out of so many blocks takes. */
export function postingsMaxBytes(blocks: number): number {
  return 1 + ((blocks + 7) >>> 3);
}

/**
 * Writes the ascending, different block numbers that `numbers` has from `begin` on as a posting list, the shorter way of two, to `at`, where there is room
 * for the longest; gives its end. See docs/formats/index.md.
 */
export function encodePostings(
  numbers: Int32Array,
  begin: number,
  blocks: number,
  bytes: Uint8Array,
  at: number,
): number {
  const end = at + postingsMaxBytes(blocks);
  bytes[at] = as_gaps;
  let next = at + 1;
  let before = -1;
  for (let index = begin; index < numbers.length; index += 1) {
    const number = numbers[index] ?? 0;
    let rest = number - before - 1;
    before = number;
    for (; rest > 0x7f && next < end; rest >>>= 7) bytes[next++] = (rest & 0x7f) | 0x80;
    if (next >= end) return encodeBits(numbers, begin, bytes, at, end);
    bytes[next++] = rest;
  }
  return next;
}

function encodeBits(numbers: Int32Array, begin: number, bytes: Uint8Array, at: number, end: number): number {
  bytes.fill(0, at, end);
  bytes[at] = as_bits;
  for (let index = begin; index < numbers.length; index += 1) {
    const number = numbers[index] ?? 0;
    const byte = at + 1 + (number >>> 3);
    bytes[byte] = (bytes[byte] ?? 0) | (1 << (number & 7));
  }
  return end;
}

/** Takes the blocks of a posting list into a set. Throws a RangeError where the list is none, or names a block that is not there. */
export function addPostings(list: Uint8Array, into: BlockBits): void {
  if (list[0] === as_bits) return into.addBits(list.subarray(1));
  if (list[0] !== as_gaps) throw new RangeError(`a posting list of kind ${list[0] ?? 'none'}`);
  let block = -1;
  let at = 1;
  while (at < list.length) {
    let gap = 0;
    let shift = 0;
    for (;;) {
      const byte = list[at++];
      if (byte === undefined || shift > 28) throw new RangeError('a posting list ends within a number');
      gap += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
      shift += 7;
    }
    block += gap + 1;
    into.add(block);
  }
}
