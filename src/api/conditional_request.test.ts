import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ConditionalHeaders, conditionalAnswer } from './conditional_request.ts';

const file = { size_bytes: 1000, etag: '"abc"', last_modified_s: 1_769_846_400 };
const same = 'Sat, 31 Jan 2026 08:00:00 GMT';
const earlier = 'Sat, 31 Jan 2026 07:59:59 GMT';
const whole = { status: 200 };
const part = (start: number, end: number): object => ({ status: 206, range: { start, end } });

describe('ranges', () => {
  test.each([
    ['bytes=0-0', part(0, 0)],
    ['bytes=0-', part(0, 999)],
    ['bytes=10-19', part(10, 19)],
    ['bytes=999-5000', part(999, 999)],
    ['bytes=-1', part(999, 999)],
    ['bytes=-5000', part(0, 999)],
    ['Bytes= 10-19 ', part(10, 19)],
    ['bytes=1000-', { status: 416 }],
    ['bytes=1000-1001', { status: 416 }],
    ['bytes=-0', { status: 416 }],
    ['bytes=20-10', whole],
    ['bytes=', whole],
    ['bytes=-', whole],
    ['bytes=a-b', whole],
    ['bytes=0-1,5-6', whole],
    ['packets=0-1', whole],
    ['bytes=0-1e3', whole],
    [`bytes=${'9'.repeat(400)}-`, whole],
  ])('%s', (range, expected) => {
    expect(conditionalAnswer('GET', { range }, file)).toEqual(expected);
  });

  test('a HEAD has no range, an empty file no bytes', () => {
    expect(conditionalAnswer('HEAD', { range: 'bytes=0-1' }, file)).toEqual(whole);
    const empty = { ...file, size_bytes: 0 };
    expect(conditionalAnswer('GET', { range: 'bytes=0-' }, empty)).toEqual({ status: 416 });
    expect(conditionalAnswer('GET', { range: 'bytes=-5' }, empty)).toEqual({ status: 416 });
  });

  test('a range that is served always lies within the file', () => {
    const number = fc.oneof(fc.nat(2000), fc.maxSafeNat(), fc.constant(''));
    fc.assert(
      fc.property(number, number, fc.integer({ min: 0, max: 1500 }), (first, last, size_bytes) => {
        const answer = conditionalAnswer('GET', { range: `bytes=${first}-${last}` }, { ...file, size_bytes });
        if (answer.status !== 206) return;
        expect(answer.range.start).toBeGreaterThanOrEqual(0);
        expect(answer.range.start).toBeLessThanOrEqual(answer.range.end);
        expect(answer.range.end).toBeLessThan(size_bytes);
      }),
    );
  });
});

test.each<[ConditionalHeaders, object]>([
  [{ range: 'bytes=0-1', 'if-range': '"abc"' }, part(0, 1)],
  [{ range: 'bytes=0-1', 'if-range': '"old"' }, whole],
  [{ range: 'bytes=0-1', 'if-range': 'W/"abc"' }, whole],
  [{ range: 'bytes=0-1', 'if-range': same }, part(0, 1)],
  [{ range: 'bytes=0-1', 'if-range': earlier }, whole],
  [{ range: 'bytes=0-1', 'if-range': 'nonsense' }, whole],
  [{ 'if-none-match': '"abc"' }, { status: 304 }],
  [{ 'if-none-match': 'W/"abc"' }, { status: 304 }],
  [{ 'if-none-match': '"x", "abc"' }, { status: 304 }],
  [{ 'if-none-match': '*' }, { status: 304 }],
  [{ 'if-none-match': '"x"', 'if-modified-since': same }, whole],
  [{ 'if-modified-since': same }, { status: 304 }],
  [{ 'if-modified-since': earlier }, whole],
  [{ 'if-modified-since': 'yesterday' }, whole],
  [{ 'if-match': '"abc"' }, whole],
  [{ 'if-match': '*' }, whole],
  [{ 'if-match': 'W/"abc"' }, { status: 412 }],
  [{ 'if-match': '"x"', range: 'bytes=5000-' }, { status: 412 }],
  [{ 'if-unmodified-since': same }, whole],
  [{ 'if-unmodified-since': earlier }, { status: 412 }],
])('%j', (headers, expected) => {
  expect(conditionalAnswer('GET', headers, file)).toEqual(expected);
});
