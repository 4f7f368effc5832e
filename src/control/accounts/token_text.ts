import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { RandomBytes } from '../audit.ts';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const random_chars = 40;
const checksum_chars = 6;

/** What a secret is for, as its first characters say: `et_` an API token, `ek_` a user's key. */
export type SecretKind = 'et_' | 'ek_';

/**
 * Makes a secret: the prefix, 40 characters of base 62 (238 bits), and the CRC-32 of all before it in 6 more. The prefix
 * lets scanners of leaked secrets find it, the checksum tells a slip of the hand from an unknown token.
 */
export function makeSecret(kind: SecretKind, random: RandomBytes): string {
  let text: string = kind;
  while (text.length < kind.length + random_chars) {
    for (const byte of random(kind.length + random_chars - text.length)) {
      // 248 is the greatest multiple of 62 in a byte: beyond it, the first characters would come more often.
      if (byte < 248) text += alphabet[byte % 62] ?? '';
    }
  }
  return text + checksum(text);
}

/** Has the text the form of one of our secrets but a wrong checksum? Then it was mistyped or cut, whatever is stored. */
export function isMistyped(text: string): boolean {
  if (!/^e[tk]_[0-9A-Za-z]{46}$/.test(text)) return false;
  return checksum(text.slice(0, -checksum_chars)) !== text.slice(-checksum_chars);
}

/**
 * What is stored of a secret: its SHA-256 in hex. A slow hash would gain nothing: it makes guessing passwords dear, and 238
 * random bits cannot be guessed.
 */
export function secretHash(text: string): string {
  return hash('sha256', text, 'hex');
}

function checksum(text: string): string {
  let rest = crc32(text);
  let digits = '';
  for (let count = 0; count < checksum_chars; count += 1) {
    digits = (alphabet[rest % 62] ?? '') + digits;
    rest = Math.floor(rest / 62);
  }
  return digits;
}
