import * as fc from 'fast-check';
import { Check } from 'typebox/value';
import { expect, test } from 'vitest';
import type { Ownership } from '../src/model/ownership.ts';
import { checkCaptureRequest, type RequestContext } from '../src/plan/check_request.ts';
import { FullRequest, SimpleRequest } from '../src/wire/http/capture_request.ts';
import { checkCaptureBody } from '../src/wire/http/check_capture_body.ts';
import { times } from './support/soak.ts';

const now = 1_769_846_400_000_000_000n;
const bucket: Ownership = {
  id: 'b'.repeat(32),
  account_id: 'a'.repeat(32),
  destination_conf: 's3://bucket/dir?region=us-east-1',
  filename: 'f',
  status: 'success',
  submitted: 0n,
};
const context: RequestContext = {
  now,
  colos: ['ord02'],
  ownerships: [bucket],
  scope: { sensors: 'all', networks: 'all' },
};

/** Values that are right, nearly right and wrong, for every field there is. */
const fields = {
  type: fc.constantFrom('simple', 'full', 'both', 1),
  system: fc.constantFrom('magic-transit', 'magic'),
  time_limit: fc.constantFrom(1, 60, 300, 301, 86_400, 86_401, 0, 1.5, '60'),
  packet_limit: fc.constantFrom(1, 10_000, 10_001, 0, null, ''),
  byte_limit: fc.constantFrom(1, 1_000_000_000, 1_000_000_001, null),
  lookback: fc.constantFrom(1, 86_400, 86_401, 0, 1.5, '10m', null, ''),
  offset_time: fc.constantFrom('2026-01-31T08:00:00Z', '2026-01-31T08:00:05Z', '2026-01-31T08:00:06Z', 'now', '', 5),
  colo_name: fc.constantFrom('ord02', 'ORD', 'lhr01', '', 7),
  colo: fc.constantFrom('ord02', 'lhr01', null),
  destination_conf: fc.constantFrom('s3://bucket/dir', 's3://other/dir', 'nonsense', 5),
  filter_v1: fc.oneof(
    fc.constantFrom(null, '', {}, []),
    fc.record(
      {
        source_address: fc.constantFrom('10.0.0.0/8', '2001:db8::1', 'x', ''),
        destination_port: fc.constantFrom(53, 65_536, '53', null),
        protocol: fc.constantFrom(6, 1, 256, 1.5),
        other: fc.constant(1),
      },
      { requiredKeys: [] },
    ),
  ),
  filter_expression: fc.constantFrom('tcp', 'host example.com', 'tcp) or (udp', ' ', '', 7),
  format: fc.constantFrom('pcap', 'pcapng', 'csv', null),
  match_inner: fc.constantFrom(true, false, null, 'true', 1),
  other: fc.constant(null),
};
const nearly = fc.record(fields, { requiredKeys: [] });
const runs = times(400);

test('any JSON at all is judged and never thrown over; every fault points into the body', () => {
  fc.assert(
    fc.property(fc.oneof(nearly, fc.jsonValue()), (body) => {
      const found = checkCaptureBody(body);
      const result = checkCaptureRequest(found, context);
      if (result.ok) return;
      expect(result.faults.length).toBeGreaterThan(0);
      for (const { pointer } of result.faults) {
        const tokens = (pointer ?? '').split('/').slice(1, -1);
        let parent: unknown = body;
        for (const token of tokens) parent = (parent as Record<string, unknown>)[token];
        if (pointer !== '') expect(typeof parent).toBe('object');
      }
    }),
    { numRuns: runs },
  );
});

test('a body is taken exactly when its schema and the state of the world allow it', () => {
  let taken = 0;
  const good = fc.constantFrom(
    { type: 'simple', system: 'magic-transit', time_limit: 60, packet_limit: 10, offset_time: '2026-01-31T08:00:00Z' },
    {
      type: 'full',
      system: 'magic-transit',
      time_limit: 60,
      colo_name: 'ord02',
      destination_conf: 's3://bucket/dir',
      filter_v1: { protocol: 6 },
    },
  );
  const names = fc.subarray(Object.keys(fields), { maxLength: 3 });
  fc.assert(
    fc.property(
      good,
      nearly,
      names,
      fc.subarray(Object.keys(fields), { maxLength: 1 }),
      (whole, other, taken_over, dropped) => {
        const spoilt = Object.entries(other).filter(([name]) => taken_over.includes(name));
        const entries = Object.entries({ ...whole, ...Object.fromEntries(spoilt) });
        const body = Object.fromEntries(entries.filter(([name]) => !dropped.includes(name)));
        const result = checkCaptureRequest(checkCaptureBody(body), context);
        const present = withoutAbsent(body);
        // `colo` counts as the name that it stands for.
        const { colo, ...rest } = present;
        const named = colo === undefined || 'colo_name' in rest ? present : { ...rest, colo_name: colo };
        const twice = 'colo' in present && 'colo_name' in present;
        const valid = !twice && (Check(SimpleRequest, named) || Check(FullRequest, named)) && stateAllows(named);
        expect(result.ok, JSON.stringify(body)).toBe(valid);
        if (result.ok) taken += 1;
      },
    ),
    { numRuns: runs * 5 },
  );
  expect(taken).toBeGreaterThan(runs / 4);
});

/** For a known field `null` and the empty text mean that it is not there. */
function withoutAbsent(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kind = body['type'] === 'full' ? FullRequest : SimpleRequest;
  return Object.fromEntries(
    Object.entries(body)
      .filter(([name, value]) => !(name in kind.properties && (value === null || value === '')))
      .map(([name, value]) => [name, name === 'filter_v1' ? inner(value) : value]),
  );
}

function inner(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([name, one]) => name === 'other' || (one !== null && one !== '')),
  );
}

/** What the schema cannot know, written a second time, for the values above. */
function stateAllows(body: Readonly<Record<string, unknown>>): boolean {
  const filter = (body['filter_v1'] ?? {}) as Readonly<Record<string, unknown>>;
  return (
    !['now', '2026-01-31T08:00:06Z'].includes(String(body['offset_time'])) &&
    body['colo_name'] !== 'lhr01' &&
    ['undefined', 's3://bucket/dir'].includes(String(body['destination_conf'])) &&
    ['undefined', 'tcp', ' '].includes(String(body['filter_expression'])) &&
    !(body['type'] === 'full' && body['match_inner'] === true) &&
    filter['source_address'] !== 'x' &&
    !(filter['protocol'] === 1 && filter['destination_port'] !== undefined)
  );
}
