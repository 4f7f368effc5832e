import type { BlockBits } from './block_bits.ts';

const as_gaps = 1;
const as_bits = 2;

/** Writes ascending, different block numbers as a posting list, the shorter way of two; see docs/formats/index.md. */
export function encodePostings(numbers: Int32Array, blocks: number): Uint8Array {
  const bits_length = 1 + ((blocks + 7) >>> 3);
  let gaps_length = 1;
  let before = -1;
  for (const number of numbers) {
    gaps_length += varintLength(number - before - 1);
    before = number;
  }
  return gaps_length <= bits_length ? encodeGaps(numbers, gaps_length) : encodeBits(numbers, bits_length);
}

function encodeGaps(numbers: Int32Array, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes[0] = as_gaps;
  let at = 1;
  let before = -1;
  for (const number of numbers) {
    let rest = number - before - 1;
    before = number;
    for (; rest > 0x7f; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
    bytes[at++] = rest;
  }
  return bytes;
}

function encodeBits(numbers: Int32Array, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes[0] = as_bits;
  for (const number of numbers) {
    const at = 1 + (number >>> 3);
    bytes[at] = (bytes[at] ?? 0) | (1 << (number & 7));
  }
  return bytes;
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest > 0x7f; rest >>>= 7) length += 1;
  return length;
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
