import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EstimateSpec } from '../model/estimate.ts';
import { estimateCapture, type Observation, type ObservedShare } from './estimate_capture.ts';
import { observedWindow } from './observed_window.ts';

const second = 1_000_000_000n;
const now = 1_769_846_400n * second;
const common = { system: 'magic-transit', filter_v1: {}, format: 'pcap' } as const;
const simple = (packet_limit: number, time_limit_s = 60): EstimateSpec => ({
  type: 'simple',
  ...common,
  time_limit_s,
  packet_limit,
  offset_time: now,
});
const full = (
  time_limit_s: number,
  limits: { readonly packet_limit?: number; readonly byte_limit?: number } = {},
): EstimateSpec => ({ type: 'full', ...common, time_limit_s, colo_name: 'ord02', ...limits });
const share = (name: string, more: Partial<ObservedShare> = {}): ObservedShare => ({
  sensor: name,
  interface: 'eth0',
  colo: 'ord02',
  status: 'done',
  ...more,
});
const observed = (more: Partial<Observation> = {}): Observation => ({
  packets: 100n,
  captured_bytes: 16_000n,
  estimated: { packets: 400n, bytes: 400_000n },
  covered_ns: 60n * second,
  talkers: [{ source: '192.0.2.1', destination: '192.0.2.2', packets_estimated: 40n, bytes_estimated: 4000n }],
  ...more,
});
const estimate = (spec: EstimateSpec, ...shares: ObservedShare[]) =>
  estimateCapture(spec, observedWindow(spec, now), shares);

describe('a simple capture', () => {
  test('has what is in the samples; the estimate says how much that stands for', () => {
    expect(estimate(simple(1000), share('a', { observed: observed(), sample_rate: 4 }))).toEqual({
      type: 'simple',
      time_limit_s: 60,
      observed_from: now - 60n * second,
      observed_to: now,
      packets: 100n,
      bytes: 16_000n,
      packets_estimated: 400n,
      bytes_estimated: 400_000n,
      sample_rate: 4,
      talkers: [{ source: '192.0.2.1', destination: '192.0.2.2', packets_estimated: 40n, bytes_estimated: 4000n }],
      shares: [
        {
          sensor: 'a',
          interface: 'eth0',
          colo: 'ord02',
          status: 'done',
          sample_rate: 4,
          packets: 100n,
          bytes: 16_000n,
          packets_estimated: 400n,
          bytes_estimated: 400_000n,
        },
      ],
    });
  });

  test('of more than packet_limit it has the newest, which go back so far', () => {
    const two = [share('a', { observed: observed() }), share('b', { observed: observed() })];
    expect(estimate(simple(50), ...two)).toMatchObject({
      packets: 50n,
      bytes: 8000n,
      packets_estimated: 800n,
      time_to_packet_limit_ns: 15n * second,
    });
    expect(estimate(simple(200), ...two)).toMatchObject({ packets: 200n, time_to_packet_limit_ns: 60n * second });
    expect(estimate(simple(201), ...two)).not.toHaveProperty('time_to_packet_limit_ns');
  });

  test('where samples cover only the newest part, the limit is reached there', () => {
    const late = share('a', { observed: observed({ covered_ns: 6n * second }) });
    const found = estimate(simple(50), late);
    // What passed before is not known, and not guessed.
    expect(found).toMatchObject({ packets: 50n, packets_estimated: 400n, time_to_packet_limit_ns: 3n * second });
    expect(estimate(simple(101), late)).not.toHaveProperty('time_to_packet_limit_ns');
  });
});

describe('a full capture', () => {
  test('goes on as it was: over the whole time, up to the first limit', () => {
    const one = share('a', { observed: observed() });
    expect(estimate(full(600), one)).toMatchObject({
      observed_from: now - 300n * second,
      observed_to: now,
      packets: 4000n,
      bytes: 4_000_000n,
      packets_estimated: 4000n,
      bytes_estimated: 4_000_000n,
      talkers: [{ packets_estimated: 400n, bytes_estimated: 40_000n }],
      shares: [{ packets: 100n, bytes: 16_000n, packets_estimated: 4000n, bytes_estimated: 4_000_000n }],
    });
    expect(estimate(full(600, { packet_limit: 1000, byte_limit: 400_000 }), one)).toMatchObject({
      packets: 400n,
      bytes: 400_000n,
      packets_estimated: 4000n,
      time_to_packet_limit_ns: 150n * second,
      time_to_byte_limit_ns: 60n * second,
    });
    expect(estimate(full(600, { packet_limit: 4001 }), one)).not.toHaveProperty('time_to_packet_limit_ns');
  });

  test('each interface is weighed by the time that its own samples cover', () => {
    const found = estimate(
      full(60),
      share('a', { observed: observed() }),
      share('b', { observed: observed({ covered_ns: 6n * second }) }),
    );
    expect(found.shares.map((one) => one.packets_estimated)).toEqual([400n, 4000n]);
    expect(found).toMatchObject({ packets: 4400n, talkers: [{ packets_estimated: 440n, bytes_estimated: 44_000n }] });
  });
});

describe('what is not known is left out', () => {
  const figures = ['packets', 'bytes', 'packets_estimated', 'bytes_estimated'];

  test.each([simple(10), full(60)])('nobody answered: $type', (spec) => {
    const found = estimate(
      spec,
      share('a', { status: 'no_answer', error: 'a did not answer within 10 ms.' }),
      share('b', { status: 'failed', error: 'it is busy' }),
    );
    for (const name of figures) expect(found).not.toHaveProperty(name);
    expect(found).toMatchObject({
      error_message: 'a/eth0: a did not answer within 10 ms.; b/eth0: it is busy',
      talkers: [],
    });
  });

  test('some did: the sum is theirs, and the answer says whose is missing', () => {
    const found = estimate(
      full(60),
      share('a', { observed: observed() }),
      share('b', { status: 'no_answer', error: 'gone' }),
      share('c', { status: 'excluded', error: 'no VLAN support' }),
    );
    expect(found).toMatchObject({ packets: 400n, error_message: 'b/eth0: gone' });
  });

  test('no time is covered, or no rate is known: counted, not estimated', () => {
    const { estimated: _, ...rateless } = observed();
    for (const unknown of [observed({ packets: 0n, captured_bytes: 0n, covered_ns: 0n }), rateless]) {
      for (const spec of [simple(1000), full(60)]) {
        const found = estimate(spec, share('a', { observed: unknown }));
        expect(found.shares[0]).toMatchObject({ packets: unknown.packets, bytes: unknown.captured_bytes });
        for (const name of ['packets_estimated', 'bytes_estimated']) {
          expect(found).not.toHaveProperty(name);
          expect(found.shares[0]).not.toHaveProperty(name);
        }
        expect(found.talkers).toEqual([]);
        // A simple capture has what is in the samples all the same.
        if (spec.type === 'simple') expect(found.packets).toBe(unknown.packets);
        else {
          expect(found).not.toHaveProperty('packets');
          expect(found.error_message).toBe('a/eth0: its samples tell nothing of the observed time');
        }
      }
    }
  });

  test('no interface can match, or there is none: said', () => {
    const excluded = share('a', { status: 'excluded', error: 'no VLAN support' });
    expect(estimate(simple(1), excluded).error_message).toBe('a/eth0: no VLAN support');
    expect(estimate(simple(1)).error_message).toBe('no sensor has samples for this account');
  });
});

test('the whole is the sum of what is told of the interfaces, and never above a limit', () => {
  const observation = fc.record({
    packets: fc.bigInt({ min: 0n, max: 10n ** 7n }),
    captured_bytes: fc.bigInt({ min: 0n, max: 10n ** 9n }),
    estimated: fc.record({
      packets: fc.bigInt({ min: 0n, max: 10n ** 9n }),
      bytes: fc.bigInt({ min: 0n, max: 10n ** 12n }),
    }),
    covered_ns: fc.bigInt({ min: 0n, max: 300n * second }),
    talkers: fc.constant([]),
  });
  const limit = fc.integer({ min: 1, max: 10_000 });
  fc.assert(
    fc.property(fc.array(observation, { maxLength: 4 }), limit, fc.boolean(), (observations, packet_limit, ahead) => {
      const spec = ahead ? full(300, { packet_limit, byte_limit: 10 ** 9 }) : simple(packet_limit, 300);
      const found = estimate(spec, ...observations.map((one, index) => share(`s${index}`, { observed: one })));
      const sum = (values: readonly (bigint | undefined)[]): bigint | undefined => {
        const known = values.filter((value) => value !== undefined);
        return known.length === 0 ? undefined : known.reduce((total, value) => total + value, 0n);
      };
      expect(found.packets_estimated).toBe(sum(found.shares.map((one) => one.packets_estimated)));
      expect(found.bytes_estimated).toBe(sum(found.shares.map((one) => one.bytes_estimated)));
      if (found.packets !== undefined) expect(found.packets).toBeLessThanOrEqual(BigInt(packet_limit));
      const counted = sum(observations.map((one) => one.packets));
      if (!ahead) {
        expect(found.packets).toBe(counted === undefined || counted < packet_limit ? counted : BigInt(packet_limit));
      }
      const reached = ((ahead ? found.packets_estimated : counted) ?? 0n) >= BigInt(packet_limit);
      expect(found.time_to_packet_limit_ns !== undefined).toBe(reached);
      if (found.time_to_packet_limit_ns !== undefined) {
        expect(found.time_to_packet_limit_ns).toBeLessThanOrEqual(300n * second);
      }
    }),
  );
});
