import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fault } from '../model/errors/fault.ts';
import type { Ownership } from '../model/ownership.ts';
import { formatTime } from '../model/time.ts';
import { checkCaptureRequest, checkEstimateRequest, type RequestContext, type RequestFields } from './check_request.ts';

const second = 1_000_000_000n;
const now = 1_769_846_400n * second;
const bucket = (id: string, destination_conf: string, status: Ownership['status']): Ownership => ({
  id,
  account_id: 'a'.repeat(32),
  destination_conf,
  filename: `ownership-challenge-${id}.txt`,
  status,
  submitted: 0n,
});
const context: RequestContext = {
  now,
  colos: ['ord01', 'ord02', 'lhr01'],
  ownerships: [
    bucket('1', 's3://bucket/dir?region=us-east-1', 'pending'),
    bucket('2', 's3://bucket/dir?region=us-east-1', 'success'),
    bucket('3', 'gs://other', 'pending'),
  ],
  scope: { sensors: 'all', networks: 'all' },
};
const simple: RequestFields = { type: 'simple', time_limit: 300, packet_limit: 10 };
const full: RequestFields = {
  type: 'full',
  time_limit: 60,
  colo_name: 'ORD',
  destination_conf: 's3://bucket/dir/?access-key-id=AKIAEXAMPLE&secret-access-key=x',
};
const told = (fields: RequestFields, over: Partial<RequestContext> = {}): string[] => {
  const result = checkCaptureRequest({ faults: [], fields }, { ...context, ...over });
  return result.ok ? [] : result.faults.map((one) => `${one.name} ${one.pointer}`);
};

describe('checkCaptureRequest', () => {
  test('makes the spec of a look-back', () => {
    expect(checkCaptureRequest({ faults: [], fields: simple }, context)).toEqual({
      ok: true,
      value: {
        type: 'simple',
        system: 'magic-transit',
        time_limit_s: 300,
        filter_v1: {},
        format: 'pcap',
        packet_limit: 10,
        offset_time: now,
      },
    });
  });

  test('makes the spec of a full capture: the bucket is the proved one, canonical and without secrets', () => {
    const fields = {
      ...full,
      packet_limit: 7,
      byte_limit: 9,
      lookback: 600,
      filter_v1: { source_address: '2001:DB8:0::/32' },
      filter_expression: 'tcp',
      format: 'pcapng',
    } as const;
    expect(checkCaptureRequest({ faults: [], fields }, context)).toEqual({
      ok: true,
      value: {
        type: 'full',
        system: 'magic-transit',
        time_limit_s: 60,
        filter_v1: { source_address: '2001:db8::/32' },
        filter_expression: 'tcp',
        format: 'pcapng',
        packet_limit: 7,
        byte_limit: 9,
        lookback_s: 600,
        colo_name: 'ORD',
        destination_conf: 's3://bucket/dir?region=us-east-1',
        ownership_id: '2',
      },
    });
  });

  test('inner packets are for look-backs: kept when they are asked for, refused for the kernel', () => {
    const specOf = (match_inner: boolean): unknown => {
      const result = checkCaptureRequest({ faults: [], fields: { ...simple, match_inner } }, context);
      return result.ok && result.value;
    };
    expect(specOf(true)).toMatchObject({ type: 'simple', match_inner: true });
    expect(specOf(false)).not.toHaveProperty('match_inner');
    expect(told({ ...full, match_inner: false })).toEqual([]);
    const refusal = checkCaptureRequest({ faults: [], fields: { ...full, match_inner: true } }, context);
    expect(refusal.ok ? [] : refusal.faults).toEqual([fault('match_inner_full', {}, '/match_inner')]);
  });

  test('reports the faults of schema and state together', () => {
    const schema = fault('field_range', { field: 'time_limit', min: 1, max: 86_400 }, '/time_limit');
    const fields: RequestFields = {
      type: 'full',
      colo_name: 'sfo',
      destination_conf: 'gs://other',
      filter_v1: { source_port: 70_000, protocol: 1 },
      filter_expression: 'host example.com',
    };
    const result = checkCaptureRequest({ faults: [schema], fields }, context);
    expect(result.ok ? [] : result.faults.map((one) => `${one.name} ${one.pointer}`)).toEqual([
      'field_range /time_limit',
      'filter_port /filter_v1/source_port',
      'expression_word /filter_expression',
      'colo_unknown /colo_name',
      'destination_not_validated /destination_conf',
    ]);
  });

  test('a site is named whole or by its letters, in any case', () => {
    for (const colo_name of ['ord02', 'ORD', 'Lhr01']) expect(told({ ...full, colo_name })).toEqual([]);
    for (const colo_name of ['or', 'ord03', 'ord0'])
      expect(told({ ...full, colo_name })).toEqual(['colo_unknown /colo_name']);
    const { colo_name: _, ...older } = full;
    expect(told({ ...older, colo: 'lhr' })).toEqual([]);
    expect(told({ ...older, colo: 'xyz' })).toEqual(['colo_unknown /colo']);
    expect(told({ ...full, colo_name: 'ord' }, { colos: [] })).toEqual(['colo_unknown /colo_name']);
  });

  test('a destination must be a bucket of the account, and proved', () => {
    const destination = (destination_conf: string): string[] => told({ ...full, destination_conf });
    expect(destination('s3://bucket/dir')).toEqual([]);
    expect(destination('s3://bucket/dir?region=eu-west-1')).toEqual(['destination_not_owned /destination_conf']);
    expect(destination('gs://other/')).toEqual(['destination_not_validated /destination_conf']);
    expect(destination('ftp://bucket')).toEqual(['bucket_scheme /destination_conf']);
  });

  test('an account that may see nothing is told so, first, and not which sites there are', () => {
    for (const scope of [
      { sensors: [], networks: 'all' },
      { sensors: 'all', networks: [] },
    ] as const) {
      expect(told({ ...full, colo_name: 'xyz' }, { scope })).toEqual(['scope_empty undefined']);
    }
  });

  test.each([
    ['yesterday', 'offset_unreadable /offset_time'],
    [formatTime(now + 6n * second), 'offset_in_future /offset_time'],
    [formatTime(now - 86_401n * second), 'offset_too_old /offset_time'],
  ])('offset_time %s is refused', (offset_time, expected) => {
    expect(told({ ...simple, offset_time })).toEqual([expected]);
  });

  test('offset_time reaches exactly 24 h back, and 5 s ahead as now', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -90_000_000_000n, max: 10_000_000n }), (offset_us) => {
        const time = now + offset_us * 1000n;
        const result = checkCaptureRequest(
          { faults: [], fields: { ...simple, offset_time: formatTime(time) } },
          context,
        );
        const inside = offset_us >= -86_400_000_000n && offset_us <= 5_000_000n;
        expect(result.ok).toBe(inside);
        if (result.ok && result.value.type === 'simple') expect(result.value.offset_time).toBe(time > now ? now : time);
      }),
    );
  });

  test('an expression of blanks is none', () => {
    const result = checkCaptureRequest({ faults: [], fields: { ...simple, filter_expression: ' \t' } }, context);
    expect(result.ok && result.value.filter_expression).toBeUndefined();
  });
});

describe('checkEstimateRequest', () => {
  const judge = (fields: RequestFields) => checkEstimateRequest({ faults: [], fields }, context);
  const { destination_conf: _, ...bucketless } = full;

  test('makes a spec that has no bucket, whether one was named or not', () => {
    const spec = { type: 'full', system: 'magic-transit', time_limit_s: 60, filter_v1: {}, format: 'pcap' };
    const expected = { ok: true, value: { ...spec, colo_name: 'ORD' } };
    expect(judge(full)).toEqual(expected);
    expect(judge(bucketless)).toEqual(expected);
    expect(judge(simple)).toEqual(checkCaptureRequest({ faults: [], fields: simple }, context));
  });

  test('has the faults of a create, those of a bucket that is named among them', () => {
    const fields: RequestFields = { ...full, colo_name: 'sfo', destination_conf: 'gs://other', filter_expression: '(' };
    expect(judge(fields)).toEqual(checkCaptureRequest({ faults: [], fields }, context));
    expect(judge({ ...bucketless, colo_name: 'sfo' })).toMatchObject({
      ok: false,
      faults: [{ name: 'colo_unknown', pointer: '/colo_name' }],
    });
    const { colo_name: _colo, ...nowhere } = bucketless;
    expect(judge(nowhere)).toMatchObject({ ok: false, faults: [{ name: 'field_required', pointer: '/colo_name' }] });
  });
});
