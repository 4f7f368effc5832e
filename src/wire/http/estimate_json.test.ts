import { Check } from 'typebox/value';
import { expect, test } from 'vitest';
import type { Estimate } from '../../model/estimate.ts';
import { estimateJson } from './estimate_json.ts';
import { EstimateResponse } from './estimate_response.ts';

const observed = { observed_from: 1_769_846_100_000_000_000n, observed_to: 1_769_846_400_123_456_789n };

test('every field that is known, and no other', () => {
  const counts = { packets: 1n, bytes: 2n, packets_estimated: 3n, bytes_estimated: 4n };
  const estimate: Estimate = {
    type: 'full',
    time_limit_s: 60,
    ...observed,
    ...counts,
    time_to_packet_limit_ns: 1_500_000_999n,
    time_to_byte_limit_ns: 0n,
    sample_rate: 16,
    error_message: 'b/eth0: gone',
    talkers: [{ source: '::1', destination: '192.0.2.1', packets_estimated: 5n, bytes_estimated: 2n ** 52n }],
    shares: [
      {
        sensor: 'a',
        interface: 'eth0',
        colo: 'ord02',
        status: 'done',
        ...counts,
        dropped: 0n,
        sample_rate: 16,
        coverage: 'not all',
      },
      { sensor: 'b', interface: 'eth0', colo: 'ord02', status: 'no_answer', error: 'gone' },
    ],
  };
  const json = estimateJson(estimate);
  expect(Check(EstimateResponse, json)).toBe(true);
  const numbers = { packets: 1, bytes: 2, packets_estimated: 3, bytes_estimated: 4 };
  expect(json).toEqual({
    type: 'full',
    time_limit: 60,
    observed_from: '2026-01-31T07:55:00.000000Z',
    observed_to: '2026-01-31T08:00:00.123456Z',
    ...numbers,
    time_to_packet_limit: 1.5,
    time_to_byte_limit: 0,
    sample_rate: 16,
    error_message: 'b/eth0: gone',
    sensors: [
      {
        name: 'a',
        interface: 'eth0',
        colo: 'ord02',
        status: 'done',
        ...numbers,
        dropped: 0,
        sample_rate: 16,
        coverage: 'not all',
      },
      { name: 'b', interface: 'eth0', colo: 'ord02', status: 'no_answer', error: 'gone' },
    ],
    talkers: [{ source: '::1', destination: '192.0.2.1', packets_estimated: 5, bytes_estimated: 2 ** 52 }],
  });
});

test('what is not known is not there, neither zero nor null', () => {
  const json = estimateJson({ type: 'simple', time_limit_s: 1, ...observed, talkers: [], shares: [] });
  expect(Check(EstimateResponse, json)).toBe(true);
  expect(Object.keys(json)).toEqual(['type', 'time_limit', 'observed_from', 'observed_to', 'sensors', 'talkers']);
});
