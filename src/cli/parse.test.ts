import { describe, expect, test } from 'vitest';
import { bytesText, countText, durationText, momentText, plainText } from './human.ts';
import { parseDuration } from './parse_duration.ts';
import { parseMoment } from './parse_moment.ts';
import { parseProtocol } from './parse_protocol.ts';
import { parseSize } from './parse_size.ts';
import { textTable } from './text_table.ts';

describe('what people write', () => {
  test.each([
    ['30', 30],
    ['30s', 30],
    ['5m', 300],
    ['2h', 7200],
    ['1d', 86_400],
    ['1h30m', 5400],
    ['0', 0],
    ['', undefined],
    ['5 m', undefined],
    ['-5s', undefined],
    ['1.5h', undefined],
    ['5ms', undefined],
    ['m', undefined],
  ])('the duration %j', (text, seconds) => expect(parseDuration(text)).toBe(seconds));

  test.each([
    ['1000', 1000],
    ['500kB', 500_000],
    ['10MB', 10_000_000],
    ['10 mb', 10_000_000],
    ['1.5G', 1_500_000_000],
    ['64KiB', 65_536],
    ['1.5B', undefined],
    ['MB', undefined],
    ['-1', undefined],
    ['10XB', undefined],
    ['1e6', undefined],
    ['constructor', undefined],
    ['1constructor', undefined],
  ])('the size %j', (text, bytes) => expect(parseSize(text)).toBe(bytes));

  test.each([
    ['tcp', 6],
    ['UDP', 17],
    ['icmp6', 58],
    ['132', 132],
    ['0', 0],
    ['256', undefined],
    ['http', undefined],
    ['', undefined],
  ])('the protocol %j', (text, number) => expect(parseProtocol(text)).toBe(number));

  test('a moment is a time or how long ago', () => {
    const now = Date.UTC(2026, 0, 31, 8);
    expect(parseMoment('5m', now)).toEqual({ at_ms: now - 300_000, ago_s: 300 });
    expect(parseMoment('2026-01-31T07:00:00.5Z', now)).toEqual({ at_ms: now - 3_599_500 });
    expect(parseMoment('2026-01-31T09:00:00+01:00', now)).toEqual({ at_ms: now });
    expect(parseMoment('yesterday', now)).toBeUndefined();
  });
});

describe('what people read', () => {
  test('counts, sizes, durations, moments', () => {
    expect([0, 999, 1_234_567].map(countText)).toEqual(['0', '999', '1,234,567']);
    expect([0, 999, 1000, 1_234, 99_950, 999_499, 999_500, 1.2e9, 5e15].map(bytesText)).toEqual([
      '0 B',
      '999 B',
      '1.0 kB',
      '1.2 kB',
      '100 kB',
      '999 kB',
      '1.0 MB',
      '1.2 GB',
      '5000 TB',
    ]);
    expect([0, -3, 45.4, 119, 120, 330, 7200, 5 * 3600 + 60].map(durationText)).toEqual([
      '0 s',
      '0 s',
      '45 s',
      '119 s',
      '2 min',
      '5 min 30 s',
      '2 h',
      '5 h 1 min',
    ]);
    expect(momentText('2026-01-31T08:00:00.123456Z')).toBe('2026-01-31 08:00:00Z');
  });

  test('no text steers the terminal', () => {
    expect(plainText('a\u001b[31mb\r\n\u202e')).toBe('a\ufffd[31mb\ufffd\ufffd\ufffd');
  });

  test('a table', () => {
    const rows = [
      ['a', '1', ''],
      ['long name', '1,000', 'x'],
    ];
    expect(textTable(['NAME', 'COUNT', 'NOTE'], rows, ['COUNT'])).toBe(
      ['NAME       COUNT  NOTE', 'a              1', 'long name  1,000  x', ''].join('\n'),
    );
  });
});
