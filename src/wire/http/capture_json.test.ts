import { Check } from 'typebox/value';
import { expect, test } from 'vitest';
import type { Capture, FullSpec, SimpleSpec } from '../../model/capture.ts';
import { captureJson } from './capture_json.ts';
import { CaptureResponse } from './capture_response.ts';
import { ownershipJson } from './ownership_json.ts';
import { OwnershipResponse } from './ownership_schemas.ts';

const simpleSpec: SimpleSpec = {
  type: 'simple',
  system: 'magic-transit',
  time_limit_s: 300,
  filter_v1: {},
  format: 'pcap',
  packet_limit: 10,
  offset_time: 1_769_846_400_123_456_789n,
};
const fullSpec: FullSpec = {
  type: 'full',
  system: 'magic-transit',
  time_limit_s: 60,
  filter_v1: { source_address: '1.2.3.4', protocol: 6 },
  format: 'pcapng',
  filter_expression: 'tcp',
  packet_limit: 5,
  byte_limit: 1000,
  colo_name: 'ord02',
  destination_conf: 's3://bucket',
  ownership_id: 'a'.repeat(32),
};
const capture = (rest: Partial<Capture> & Pick<Capture, 'spec'>): Capture => ({
  id: '0'.repeat(32),
  account_id: '1'.repeat(32),
  status: 'pending',
  submitted: 1_769_846_400_000_001_999n,
  parts: [],
  ...rest,
});

test('a look-back that was only just asked for', () => {
  const json = captureJson(capture({ spec: simpleSpec }));
  expect(json).toEqual({
    id: '0'.repeat(32),
    type: 'simple',
    system: 'magic-transit',
    status: 'pending',
    submitted: '2026-01-31T08:00:00.000001Z',
    time_limit: 300,
    filter_v1: {},
    packet_limit: 10,
    format: 'pcap',
    offset_time: '2026-01-31T08:00:00.123456Z',
  });
  expect(Check(CaptureResponse, json)).toBe(true);
});

test('a full capture of which everything is known', () => {
  const json = captureJson(
    capture({
      spec: fullSpec,
      status: 'complete',
      stop_requested: 1_769_846_401_000_000_000n,
      packets_captured: 5n,
      packets_dropped: 0n,
      error_message: 'one sensor failed',
      size_bytes: 99n,
      deadline: 5n,
      parts: [
        {
          sensor: 's1',
          interface: 'eth0',
          colo: 'ord02',
          status: 'done',
          packets: 6n,
          bytes: 600n,
          dropped: 0n,
          interface_dropped: 2n,
          cut: 1n,
          stop_reason: 'packet_limit',
        },
        { sensor: 's2', interface: 'eth0', colo: 'ord02', status: 'failed', error: 'gone' },
      ],
    }),
  );
  expect(json).toEqual({
    id: '0'.repeat(32),
    type: 'full',
    system: 'magic-transit',
    status: 'complete',
    submitted: '2026-01-31T08:00:00.000001Z',
    time_limit: 60,
    filter_v1: { source_address: '1.2.3.4', protocol: 6 },
    filter_expression: 'tcp',
    format: 'pcapng',
    packet_limit: 5,
    colo_name: 'ord02',
    destination_conf: 's3://bucket',
    byte_limit: 1000,
    packets_captured: 5,
    stop_requested: '2026-01-31T08:00:01.000000Z',
    error_message: 'one sensor failed',
    packets_dropped: 0,
    sensors: [
      {
        name: 's1',
        interface: 'eth0',
        colo: 'ord02',
        status: 'done',
        packets: 6,
        bytes: 600,
        dropped: 0,
        interface_dropped: 2,
        cut: 1,
        stop_reason: 'packet_limit',
      },
      { name: 's2', interface: 'eth0', colo: 'ord02', status: 'failed', error: 'gone' },
    ],
  });
  expect(Check(CaptureResponse, json)).toBe(true);
});

test('a full capture that looks back tells its past apart', () => {
  const base = { sensor: 's1', colo: 'ord02', status: 'done', packets: 6n } as const;
  const json = captureJson(
    capture({
      spec: { ...fullSpec, lookback_s: 600 },
      packets_captured: 6n,
      packets_past: 3n,
      parts: [
        {
          ...base,
          interface: 'eth0',
          past: { packets: 3n, bytes: 480n, dropped: 0n, sample_rate: 4, truncated: true, coverage: 'some' },
        },
        { ...base, interface: 'eth1', past: { error: 'it does not answer' } },
      ],
    }),
  );
  expect(json).toMatchObject({
    lookback: 600,
    packets_captured: 6,
    packets_past: 3,
    sensors: [
      { packets: 6, past: { packets: 3, bytes: 480, dropped: 0, sample_rate: 4, truncated: true, coverage: 'some' } },
      { past: { error: 'it does not answer' } },
    ],
  });
  expect(json.sensors?.[1]?.past).toEqual({ error: 'it does not answer' });
  expect(Check(CaptureResponse, json)).toBe(true);
});

test('that inner packets were looked at is said where they were', () => {
  const json = captureJson(capture({ spec: { ...simpleSpec, match_inner: true } }));
  expect(json).toMatchObject({ type: 'simple', match_inner: true });
  expect(Check(CaptureResponse, json)).toBe(true);
});

test('what is not known is left out, and the sample rate belongs to look-backs', () => {
  const json = captureJson(
    capture({
      spec: { ...simpleSpec, filter_expression: 'udp' },
      sample_rate: 4,
      packets_estimated: 9n,
      packets_dropped: 7n,
      parts: [{ sensor: 's1', interface: 'eth0', colo: 'ord02', status: 'done', packets_estimated: 9n }],
    }),
  );
  expect(json).toMatchObject({
    filter_expression: 'udp',
    sample_rate: 4,
    packets_estimated: 9,
    packets_dropped: 7,
    sensors: [{ packets_estimated: 9 }],
  });
  expect(Check(CaptureResponse, json)).toBe(true);
  const bare = captureJson(capture({ spec: fullSpec }));
  for (const name of [
    'packets_captured',
    'packets_past',
    'lookback',
    'stop_requested',
    'error_message',
    'packets_dropped',
    'sensors',
    'sample_rate',
    'packets_estimated',
  ])
    expect(bare).not.toHaveProperty(name);
  expect(JSON.stringify(bare)).not.toMatch(/null|""/);
});

test('why a look-back failed, or is partial, is told by itself, whatever its sensors say', () => {
  const failed = { spec: simpleSpec, status: 'failed', error_message: 'no sensor has samples' } as const;
  const alone = captureJson(capture(failed));
  expect(alone).toMatchObject({ status: 'failed', error_message: 'no sensor has samples' });
  const sensors = captureJson(
    capture({
      ...failed,
      parts: [{ sensor: 's1', interface: 'eth0', colo: 'ord02', status: 'failed', error: 'no samples' }],
    }),
  );
  expect(sensors).toHaveProperty('error_message', 'no sensor has samples');
  expect(sensors).toMatchObject({ sensors: [{ error: 'no samples' }] });
  for (const json of [alone, sensors]) expect(Check(CaptureResponse, json)).toBe(true);
});

test('an ownership, before and after its validation', () => {
  const pending = {
    id: 'a'.repeat(32),
    account_id: 'b'.repeat(32),
    destination_conf: 's3://bucket',
    filename: 'ownership-challenge-1.txt',
    status: 'pending' as const,
    submitted: 0n,
  };
  expect(ownershipJson(pending)).toEqual({
    id: 'a'.repeat(32),
    destination_conf: 's3://bucket',
    filename: 'ownership-challenge-1.txt',
    status: 'pending',
    submitted: '1970-01-01T00:00:00.000000Z',
  });
  const proved = ownershipJson({ ...pending, status: 'success', validated: 1_000_000_000n });
  expect(proved.validated).toBe('1970-01-01T00:00:01.000000Z');
  expect(Check(OwnershipResponse, proved)).toBe(true);
});
