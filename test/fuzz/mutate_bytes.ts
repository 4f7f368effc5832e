import type { FuzzRandom } from './fuzz_random.ts';

/** Numbers that headers, lengths and bounds turn on. */
const words = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 0x0f, 0x10, 0x11, 0x1f, 0x20, 0x29, 0x2c, 0x2f, 0x33, 0x3c, 0x40, 0x45, 0x60, 0x7f, 0x80,
  0xfe, 0xff, 0x0100, 0x0800, 0x0806, 0x8100, 0x86dd, 0x8847, 0x8848, 0x8864, 0x88a8, 0x88be, 0x22eb, 0x6558, 0x880b,
  0x1100, 0xff03, 0x0021, 0x0057, 0x12b5, 0x17c1, 0x0868, 0x2118, 0x7fff, 0x8000, 0xfff8, 0xfffe, 0xffff, 0x0001_0000,
  0x0003_ffff, 0x0004_0000, 0x0004_0001, 0x00ff_ffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_fffc, 0xffff_ffff,
];

/** Changes bytes in up to four ways: other bits, other numbers, stretches cut out, doubled, moved, or taken from `other`. */
export function mutateBytes(
  random: FuzzRandom,
  original: Uint8Array,
  other: Uint8Array,
  length_max: number,
): Uint8Array {
  let bytes = Uint8Array.from(original);
  for (let left = random.below(5); left > 0; left--) bytes = mutateOnce(random, bytes, other);
  return bytes.slice(0, length_max);
}

function mutateOnce(random: FuzzRandom, bytes: Uint8Array<ArrayBuffer>, other: Uint8Array): Uint8Array<ArrayBuffer> {
  // Headers come first: places near the beginning are changed more often.
  const place = (length: number): number => random.below(random.once(2) ? Math.min(length, 64) : length);
  const at = place(bytes.length);
  const view = new DataView(bytes.buffer);
  switch (random.below(9)) {
    case 0:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      return bytes;
    case 1:
      bytes[at] = random.below(256);
      return bytes;
    case 2:
      bytes[at] = random.pick(words);
      return bytes;
    case 3:
      if (at + 2 <= bytes.length) view.setUint16(at, random.pick(words), random.once(2));
      return bytes;
    case 4: {
      const aligned = at & ~3;
      if (aligned + 4 <= bytes.length) view.setUint32(aligned, random.pick(words), random.once(2));
      return bytes;
    }
    case 5:
      return bytes.slice(0, at);
    case 6: {
      const end = Math.min(bytes.length, at + 1 + random.below(32));
      return joined(bytes.subarray(0, at), bytes.subarray(end));
    }
    case 7: {
      const from = place(bytes.length);
      return joined(bytes.subarray(0, at), bytes.subarray(from, from + 1 + random.below(64)), bytes.subarray(at));
    }
    default:
      return joined(bytes.subarray(0, at), other.subarray(place(other.length)));
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
