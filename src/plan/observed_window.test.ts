import { expect, test } from 'vitest';
import type { EstimateSpec } from '../model/estimate.ts';
import { observedWindow } from './observed_window.ts';

const second = 1_000_000_000n;
const now = 1_769_846_400n * second;
const common = { system: 'magic-transit', filter_v1: {}, format: 'pcap' } as const;

test('a simple capture is judged by its own window', () => {
  const offset_time = now - 3600n * second;
  const spec: EstimateSpec = { type: 'simple', ...common, time_limit_s: 7, packet_limit: 1, offset_time };
  expect(observedWindow(spec, now)).toEqual({ from: offset_time - 7n * second, to: offset_time });
});

test.each([
  [1, 10n],
  [10, 10n],
  [11, 11n],
  [300, 300n],
  [301, 300n],
  [86_400, 300n],
])('a full one of %i s by the last %i s', (time_limit_s, length_s) => {
  const spec: EstimateSpec = { type: 'full', ...common, time_limit_s, colo_name: 'ord02' };
  expect(observedWindow(spec, now)).toEqual({ from: now - length_s * second, to: now });
});
