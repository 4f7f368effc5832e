import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { challengeFrom, judgeChallenge } from './challenge.ts';

const filename = 'ownership-challenge-0123.txt';
const challenge = challengeFrom(randomBytes(32));

test('a challenge is 256 bits of chance', () => {
  expect(challenge).toMatch(/^[0-9a-f]{64}$/);
  expect(challengeFrom(new Uint8Array(32).fill(0xab))).toBe('ab'.repeat(32));
  expect(() => challengeFrom(new Uint8Array(31))).toThrow(RangeError);
});

test.each([
  [challenge, 'right'],
  [`${challenge}\n`, 'right'],
  [`  ${challenge}\r\n`, 'right'],
  ['', 'wrong'],
  [challenge.slice(1), 'wrong'],
  [challenge.toUpperCase() === challenge ? 'x' : challenge.toUpperCase(), 'wrong'],
  [`${challenge}x`, 'wrong'],
  ['é'.repeat(64), 'wrong'],
  ['x'.repeat(100_000), 'wrong'],
  [filename, 'filename'],
  [`${filename}\n`, 'filename'],
  [`dir/${filename}`, 'filename'],
  [`s3://bucket/dir/${filename}`, 'filename'],
  [`not-${filename}`, 'wrong'],
])('%j is %s', (sent, expected) => expect(judgeChallenge(sent, challenge, filename)).toBe(expected));
