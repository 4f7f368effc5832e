import { expect, test } from 'vitest';
import type { Capture } from '../../model/capture.ts';
import { captureNotices } from './capture_notices.ts';

const noon = 1_769_860_800n * 1_000_000_000n;
const capture: Capture = {
  id: '0'.repeat(32),
  account_id: '1'.repeat(32),
  spec: {
    type: 'simple',
    system: 'magic-transit',
    time_limit_s: 60,
    filter_v1: {},
    format: 'pcap',
    packet_limit: 10_000,
    offset_time: noon,
  },
  status: 'success',
  submitted: noon,
  packets_captured: 10_000n,
  packets_estimated: 29_344n,
  parts: [{ sensor: 's0', interface: 'eth0', colo: 'lab01', status: 'done' }],
};

test('of a capture that has all there is nothing to say', () => {
  expect(captureNotices(capture)).toEqual([]);
});

test('one that its limit has cut says how far back it reaches, and how many match: lookback_truncated', () => {
  const [notice, ...more] = captureNotices({ ...capture, truncated: true, oldest_packet: noon - 20_440_000_000n });
  expect(more).toEqual([]);
  expect(notice).toMatchObject({ name: 'lookback_truncated', code: 2100 });
  expect(notice?.message).toBe(
    'packet_limit (10000) has kept out older packets: the file reaches back to 2026-01-31T11:59:39.560000Z, 20.440 s before ' +
      'offset_time, of the 60 s asked for; about 29344 match of that time. Ask for less time, narrow the filter or raise the limit.',
  );
});

test('what a sensor notes is said of its interface: part_note', () => {
  const [part] = capture.parts;
  const noted = { ...capture, parts: part === undefined ? [] : [{ ...part, note: 'was down for 3 s' }] };
  expect(captureNotices(noted)).toMatchObject([{ name: 'part_note', message: 's0/eth0: was down for 3 s' }]);
});
