import { describe, expect, test } from 'vitest';
import { checkCaptureBody, checkEstimateBody } from './check_capture_body.ts';

const simple = { type: 'simple', system: 'magic-transit', time_limit: 300, packet_limit: 10_000 };
const full = {
  type: 'full',
  system: 'magic-transit',
  time_limit: 60,
  colo_name: 'ord02',
  destination_conf: 's3://bucket/dir?region=us-east-1',
};
const told = (body: unknown, packets_max?: number): string[] =>
  checkCaptureBody(body, packets_max).faults.map((one) => `${one.name} ${one.pointer}`);

describe('checkCaptureBody', () => {
  test('takes both kinds with every field', () => {
    const filter_v1 = {
      source_address: '1.2.3.4',
      destination_address: '10.0.0.0/8',
      source_port: 1,
      destination_port: 2,
      protocol: 6,
    };
    const all = { filter_v1, filter_expression: 'tcp', format: 'pcapng', match_inner: true };
    expect(told({ ...simple, ...all, offset_time: '2026-01-31T08:00:00Z' })).toEqual([]);
    expect(told({ ...full, ...all, packet_limit: 1, byte_limit: 1_000_000_000, lookback: 86_400 })).toEqual([]);
    expect(checkCaptureBody({ ...full, ...all }).fields).toEqual({ ...full, ...all });
  });

  test('refuses fields of the other kind, and says whose they are', () => {
    expect(told({ ...simple, colo_name: 'ord02', destination_conf: 's3://b', byte_limit: 1 })).toEqual([
      'field_unknown /colo_name',
      'field_unknown /destination_conf',
      'field_unknown /byte_limit',
    ]);
    const { faults } = checkCaptureBody({ ...full, offset_time: '2026-01-31T08:00:00Z' });
    expect(faults.map((one) => one.message)).toEqual([
      'offset_time is not a field of this request (a full capture; only a simple one has it): leave it out or correct its spelling.',
    ]);
  });

  test.each([
    [{}, ['field_required /type', 'field_required /system', 'field_required /time_limit']],
    [{ ...simple, type: 'FULL' }, ['field_value /type']],
    [{ ...full, type: undefined, byte_limit: 0 }, ['field_range /byte_limit', 'field_required /type']],
    [{ ...simple, type: 5, oops: 1 }, ['field_unknown /oops', 'field_value /type']],
  ])('judges what it can without a kind: %j', (body, expected) => {
    expect(told(body).sort()).toEqual([...expected].sort());
  });

  test('the kinds have their own limits', () => {
    expect(told({ ...simple, time_limit: 301 })).toEqual(['field_range /time_limit']);
    expect(told({ ...full, time_limit: 86_400 })).toEqual([]);
    expect(told({ ...full, time_limit: 86_401 })).toEqual(['field_range /time_limit']);
    expect(told({ ...full, packet_limit: 10_001 })).toEqual(['field_range /packet_limit']);
    expect(told({ ...full, packet_limit: 10_001 }, 50_000)).toEqual([]);
    expect(told({ ...simple, packet_limit: 10_001 }, 50_000)).toEqual(['field_range /packet_limit']);
    expect(told({ ...simple, packet_limit: undefined })).toEqual(['field_required /packet_limit']);
    expect(told({ ...simple, lookback: 60 })).toEqual(['field_unknown /lookback']);
    expect(told({ ...full, lookback: 86_401 })).toEqual(['field_range /lookback']);
    expect(told({ ...full, lookback: 0 })).toEqual(['field_range /lookback']);
    expect(checkCaptureBody({ ...full, lookback: null }).fields).toEqual(full);
  });

  test('colo stands in for colo_name, and not beside it', () => {
    const { colo_name, ...rest } = full;
    expect(checkCaptureBody({ ...rest, colo: colo_name })).toEqual({ faults: [], fields: { ...rest, colo: 'ord02' } });
    expect(told({ ...full, colo: 'ord02' })).toEqual(['field_unknown /colo']);
    expect(told({ ...rest, colo: 5 })).toEqual(['field_type /colo']);
    expect(told(rest)).toEqual(['field_required /colo_name']);
  });

  test('leaves values to those who know: filters, times, destinations', () => {
    const filter_v1 = { source_port: 70_000, protocol: 300, source_address: 'nonsense' };
    expect(told({ ...simple, filter_v1, offset_time: 'yesterday', filter_expression: 'x'.repeat(5000) })).toEqual([]);
    expect(told({ ...simple, filter_v1: { source_port: '80', port: 1 }, offset_time: 5 })).toEqual([
      'field_type /filter_v1/source_port',
      'field_unknown /filter_v1/port',
      'field_type /offset_time',
    ]);
  });
});

describe('checkEstimateBody', () => {
  const { destination_conf, ...bucketless } = full;

  test('takes what a create takes, and a full capture without its bucket', () => {
    expect(checkEstimateBody(simple)).toEqual({ faults: [], fields: simple });
    expect(checkEstimateBody(full)).toEqual({ faults: [], fields: full });
    expect(checkEstimateBody(bucketless)).toEqual({ faults: [], fields: bucketless });
    expect(checkEstimateBody({ ...bucketless, destination_conf: '' }).faults).toEqual([]);
    expect(told(bucketless)).toEqual(['field_required /destination_conf']);
  });

  test.each([
    {},
    [],
    null,
    { ...simple, destination_conf },
    { ...simple, type: 'FULL', time_limit: 301, packet_limit: 0 },
    { ...full, destination_conf: 5, packet_limit: 10_001, offset_time: 'x', oops: 1 },
    { ...full, colo: 'ord02', filter_v1: { port: 1 } },
  ])('refuses what a create refuses, in the same words: %j', (body) => {
    expect(checkEstimateBody(body, 10_000)).toEqual(checkCaptureBody(body, 10_000));
    expect(checkEstimateBody(body).faults).not.toEqual([]);
  });

  test("the operator's ceiling is in force", () => {
    expect(checkEstimateBody({ ...bucketless, packet_limit: 10_001 }, 20_000).faults).toEqual([]);
    expect(checkEstimateBody({ ...bucketless, packet_limit: 20_001 }, 20_000).faults).toHaveLength(1);
  });
});
