import { createHash, randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isMistyped, makeSecret, secretHash } from './token_text.ts';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const random = (count: number): Uint8Array => randomBytes(count);

/** CRC-32 (ISO-HDLC), bit by bit. */
function crc32(text: string): number {
  let crc = 0xffffffff;
  for (const byte of new TextEncoder().encode(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

describe('makeSecret', () => {
  test('has the prefix, 40 characters and the CRC-32 of both', () => {
    for (const kind of ['et_', 'ek_'] as const) {
      const secret = makeSecret(kind, random);
      expect(secret).toMatch(new RegExp(`^${kind}[0-9A-Za-z]{46}$`));
      const checksum = Array.from(secret.slice(-6)).reduce((sum, digit) => sum * 62 + alphabet.indexOf(digit), 0);
      expect(checksum).toBe(crc32(secret.slice(0, -6)));
      expect(isMistyped(secret)).toBe(false);
    }
  });

  test('takes every character equally often', () => {
    let next = 0;
    const everyByte = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => next++ & 0xff);
    const counts = new Map<string, number>();
    // 31 secrets of 40 characters are 1240: five times all 248 bytes that count.
    for (let made = 0; made < 31; made += 1) {
      for (const digit of makeSecret('et_', everyByte).slice(3, -6)) counts.set(digit, (counts.get(digit) ?? 0) + 1);
    }
    expect([...counts.keys()].toSorted().join('')).toBe(alphabet);
    expect(new Set(counts.values())).toEqual(new Set([20]));
  });
});

describe('isMistyped', () => {
  test('every changed character and every swapped pair is noticed', () => {
    const place = fc.nat(45);
    fc.assert(
      fc.property(place, fc.constantFrom(...alphabet.split('')), fc.boolean(), (at, other, swap) => {
        const secret = makeSecret('et_', random);
        const body = Array.from(secret.slice(3));
        const [one = '', two = ''] = [body[at], body[at + 1]];
        if (swap && two !== '') [body[at], body[at + 1]] = [two, one];
        else body[at] = other;
        const text = `et_${body.join('')}`;
        expect(isMistyped(text)).toBe(text !== secret);
      }),
      { numRuns: 2000 },
    );
  });

  test('what has another form may be a token that the operator chose', () => {
    for (const text of [
      '',
      'correct horse battery staple',
      'et_short',
      `xx_${'a'.repeat(46)}`,
      `et_${'a'.repeat(47)}`,
    ]) {
      expect(isMistyped(text)).toBe(false);
    }
  });
});

test('secretHash is SHA-256 in hex', () => {
  expect(secretHash('et_x')).toBe(createHash('sha256').update('et_x').digest('hex'));
});
