import { expect, test } from 'vitest';
import type { Capture } from '../model/capture.ts';
import { captureJson } from '../wire/http/capture_json.ts';
import { captureAnswer, captureAnswerText } from './capture_answer.ts';

const capture = (status: Capture['status']): Capture => ({
  id: '0'.repeat(32),
  account_id: '1'.repeat(32),
  spec: {
    type: 'simple',
    system: 'magic-transit',
    time_limit_s: 1,
    filter_v1: {},
    format: 'pcap',
    packet_limit: 1,
    offset_time: 0n,
  },
  status,
  submitted: 0n,
  parts: [],
});

test('the same capture has the same answer, another one its own', () => {
  const [first, second] = [capture('pending'), capture('success')];
  const [one, other] = [captureAnswer(first), captureAnswer(second)];
  expect(captureAnswer(first)).toBe(one);
  expect(one).toEqual({ result: captureJson(first), success: true, errors: [], messages: [] });
  for (const given of [one, other, one]) expect(captureAnswerText(given)).toBe(JSON.stringify(given));
  expect(other.result.status).toBe('success');
});

test('what is to be said of it is in its messages', () => {
  const cut: Capture = { ...capture('success'), truncated: true, oldest_packet: -500_000_000n, packets_estimated: 9n };
  const { messages, result } = captureAnswer(cut);
  expect(messages).toMatchObject([{ code: 2100, documentation_url: '/docs/errors#2100' }]);
  expect(messages[0]?.message).toContain('about 9 match');
  expect(result).toMatchObject({ truncated: true, oldest_packet: '1969-12-31T23:59:59.500000Z', packets_estimated: 9 });
});
