import { array, assert, constantFrom, integer, oneof, property, uint8Array } from 'fast-check';
import { expect, test } from 'vitest';
import { nameBytes, nameText } from './name_text.ts';

test.each([
  ['eth0', 'eth0'],
  ['ü-1', 'ü-1'],
  [[0x61, 0xff, 0x62], 'a\\xffb'],
  [[0xc3], '\\xc3'],
  [[0xe2, 0x82, 0x61], '\\xe2\\x82a'],
  ['a\u001b[31m', 'a\\x1b[31m'],
  ['a\u009bm', 'a\\xc2\\x9bm'],
  ['w\\A', 'w\\A'],
  ['w\\xff', 'w\\x5cxff'],
  ['w\\xFF', 'w\\xFF'],
  ['日本', '日本'],
])('%j is shown as %s', (bytes, text) => {
  const given = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : Uint8Array.from(bytes);
  expect(nameText(given)).toBe(text);
  expect(nameBytes(text)).toEqual(given);
});

test('every name has a text of its own, and the way back', () => {
  const byte = oneof(integer({ min: 1, max: 255 }), constantFrom(0x5c, 0x78, 0x66, 0x35, 0xc2, 0xe2));
  assert(
    property(uint8Array({ maxLength: 15 }), array(byte, { maxLength: 15 }), (one, other) => {
      for (const name of [one, Uint8Array.from(other)]) expect(nameBytes(nameText(name))).toEqual(name);
    }),
    { numRuns: 5000 },
  );
});
