import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatTime } from '../../model/time.ts';
import { readExpiry } from './read_expiry.ts';
import { readNetworks, readSensors } from './read_scope.ts';

const second = 1_000_000_000n;
const now = 1_800_000_000n * second;
const clock = { now: () => now, fromWall: (wall: bigint) => wall };

describe('readExpiry', () => {
  test.each([
    ['1m', 60n],
    ['12h', 43_200n],
    ['90d', 7_776_000n],
    ['999999m', 59_999_940n],
  ])('%s from now', (text, seconds) => {
    expect(readExpiry(text, clock)).toBe(now + seconds * second);
  });

  test('a moment', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 10n ** 15n }), (us) => {
        const at = now + us * 1000n;
        expect(readExpiry(formatTime(at), clock)).toBe(at);
      }),
    );
  });

  test.each([
    '',
    '0d',
    '-1d',
    '1.5h',
    '90',
    'd',
    '90D',
    '1y',
    '9999999d',
    '999999d',
    '2026-01-01T00:00:00Z',
    'tomorrow',
  ])('%s is refused', (text) => {
    expect(() => readExpiry(text, clock)).toThrow(`--expires is "${text}": it must be a time to live`);
  });

  test('a moment is one of the wall clock, a time to live is not', () => {
    const set = { ...clock, fromWall: (wall: bigint) => wall - 3600n * second };
    expect(readExpiry(formatTime(now + 7200n * second), set)).toBe(now + 3600n * second);
    expect(readExpiry('1h', set)).toBe(now + 3600n * second);
    expect(() => readExpiry(formatTime(now + 3600n * second), set)).toThrow('--expires');
  });

  test('now is not in the future', () => {
    expect(() => readExpiry(formatTime(now), clock)).toThrow('--expires');
  });
});

describe('readSensors', () => {
  test('all, none and names', () => {
    expect(readSensors('all')).toBe('all');
    expect(readSensors('none')).toEqual([]);
    expect(readSensors('ord-1, ord-2,ord-1')).toEqual(['ord-1', 'ord-2']);
  });

  test.each(['', 'a,', 'a,all', 'none,a', 'two words', 'x'.repeat(65), 'ü'])('%s is refused', (text) => {
    expect(() => readSensors(text)).toThrow('--sensors is');
  });
});

describe('readNetworks', () => {
  test('all, none and networks, canonical', () => {
    expect(readNetworks('all')).toBe('all');
    expect(readNetworks('none')).toEqual([]);
    expect(readNetworks('10.1.2.3/8,192.0.2.1, 2001:DB8:0::1/32,10.0.0.0/8')).toEqual([
      '10.0.0.0/8',
      '192.0.2.1',
      '2001:db8::/32',
    ]);
  });

  test.each(['', '10.0.0.0/33', '10.0.0/8', '10.0.0.0/8,all', 'example.com', '010.0.0.1'])('%s is refused', (text) => {
    expect(() => readNetworks(text)).toThrow('--networks is');
  });
});
