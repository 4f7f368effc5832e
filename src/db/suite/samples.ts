import * as fc from 'fast-check';
import type { CaptureSpec } from '../../model/capture.ts';
import { coveredShares } from '../../model/covered.ts';
import type { CaptureRecord, PartRecord } from '../../model/record.ts';
import { statuses } from '../../model/status.ts';
import { stopReasons } from '../../model/stop_reason.ts';
import { insertAccount } from '../accounts.ts';
import type { Database } from '../database.ts';
import { insertOwnership } from '../ownerships.ts';
import { times } from '../../../test/support/soak.ts';

/** How often a property is tried; `EDGETAP_SOAK` multiplies it. */
export function runs(count: number): number {
  return times(count);
}

let made = 0;

/** A new id, different from all others of this process. */
export function freshId(): string {
  made += 1;
  return made.toString(16).padStart(32, '0');
}

/** Any moment, count or size that a database can hold. */
const anyBigint: fc.Arbitrary<bigint> = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });

const anyText = fc.string({ unit: 'binary', maxLength: 40 }).filter((text) => !text.includes('\0'));
const anyCount = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
/** A whole number beyond 2^53 is refused: it cannot be told from one that lost its last digits. */
const anyDouble = fc.double({ noNaN: true, min: -(2 ** 50), max: 2 ** 50 }).map((value) => (value === 0 ? 0 : value));

const anySpec = (ownership_id: string): fc.Arbitrary<CaptureSpec> => {
  const base = {
    system: fc.constant('magic-transit' as const),
    time_limit_s: fc.integer({ min: 1, max: 86_400 }),
    filter_v1: fc.record({ source_address: anyText, destination_port: fc.nat(65_535) }, { requiredKeys: [] }),
    filter_expression: anyText,
    format: fc.constantFrom('pcap' as const, 'pcapng' as const),
  };
  const simple = {
    ...base,
    type: fc.constant('simple' as const),
    packet_limit: fc.nat(10_000),
    offset_time: anyBigint,
    match_inner: fc.constant(true as const),
  };
  const full = {
    ...base,
    type: fc.constant('full' as const),
    packet_limit: fc.nat(10_000),
    byte_limit: anyCount,
    lookback_s: anyCount,
    colo_name: anyText,
    destination_conf: anyText,
    ownership_id: fc.constant(ownership_id),
  };
  return fc.oneof(
    fc.record(simple, {
      requiredKeys: ['type', 'system', 'time_limit_s', 'filter_v1', 'format', 'packet_limit', 'offset_time'],
    }),
    fc.record(full, {
      requiredKeys: [
        'type',
        'system',
        'time_limit_s',
        'filter_v1',
        'format',
        'colo_name',
        'destination_conf',
        'ownership_id',
      ],
    }),
  );
};

const anyScopePart = fc.oneof(fc.constant('all' as const), fc.array(anyText, { maxLength: 3 }));

/** What of a capture may change, all of it optional where it may be missing. */
export const captureChanges = {
  status: fc.constantFrom(...statuses),
  armed_at: anyBigint,
  deadline: anyBigint,
  stop_requested: anyBigint,
  stop_cause: fc.constantFrom('stopped' as const, 'shutdown' as const, 'packet_limit' as const),
  ended_at: anyBigint,
  packets_captured: anyBigint,
  packets_dropped: anyBigint,
  packets_dropped_is_upper_bound: fc.boolean(),
  packets_past: anyBigint,
  sample_rate: anyDouble,
  packets_estimated: anyBigint,
  truncated: fc.boolean(),
  oldest_packet: anyBigint,
  error_message: anyText,
  size_bytes: anyBigint,
  sha256: anyText,
  delivery: fc.constantFrom('direct' as const, 'staged' as const, 'lookback' as const),
  piece_bytes: anyCount,
};

/** Any capture of an account; its id is fresh. */
export function anyCapture(of: { account_id: string; ownership_id: string }): fc.Arbitrary<CaptureRecord> {
  const fields = {
    account_id: fc.constant(of.account_id),
    principal_id: anyText,
    spec: anySpec(of.ownership_id),
    scope: fc.record({ sensors: anyScopePart, networks: anyScopePart }),
    submitted: anyBigint,
    version: fc.bigInt({ min: 0n, max: 2n ** 62n }),
    ...captureChanges,
  };
  const requiredKeys = [
    'account_id',
    'principal_id',
    'spec',
    'scope',
    'submitted',
    'version',
    'status',
    'delivery',
    'piece_bytes',
  ] as const;
  return fc.record(fields, { requiredKeys: [...requiredKeys] }).map((record) => ({ ...record, id: freshId() }));
}

const anyPast = fc.record(
  {
    streams: fc.array(
      fc.record(
        {
          linktype: fc.nat(65_535),
          packets: anyBigint,
          bytes: anyBigint,
          dropped: anyBigint,
          dropped_is_upper_bound: fc.boolean(),
          sample_rate: anyCount,
          truncated: fc.boolean(),
          key: anyText,
        },
        { requiredKeys: ['linktype', 'packets', 'bytes', 'dropped', 'truncated'] },
      ),
      { maxLength: 2 },
    ),
    covered: fc.constantFrom(...coveredShares),
    coverage: anyText,
    missing: anyText,
    error: anyText,
  },
  { requiredKeys: ['streams'] },
);

/** What of a part may change, all of it optional where it may be missing. */
export const partChoices = {
  phase: fc.constantFrom('assigned' as const, 'armed' as const, 'ended' as const, 'uploaded' as const),
  epoch: anyText,
  sequence: anyCount,
  armed_at: anyBigint,
  clock_offset: anyBigint,
  began_at: anyBigint,
  linktype: fc.nat(65_535),
  packets: anyBigint,
  bytes: anyBigint,
  dropped: anyBigint,
  dropped_is_upper_bound: fc.boolean(),
  interface_dropped: anyBigint,
  cut: anyBigint,
  stop_reason: fc.constantFrom(...stopReasons),
  unordered: fc.boolean(),
  error: anyText,
  missing: anyText,
  note: anyText,
  upload_id: anyText,
  upload_attempt: anyCount,
  object_key: anyText,
  size_bytes: anyBigint,
  sha256: anyText,
  sample_rate: anyDouble,
  packets_estimated: anyBigint,
  coverage: anyText,
  covered: fc.constantFrom(...coveredShares),
  samples_from: anyBigint,
  samples_to: anyBigint,
  past: anyPast,
};

/** Any part of a capture. */
export function anyPart(capture_id: string, ordinal: number): fc.Arbitrary<PartRecord> {
  const fields = {
    capture_id: fc.constant(capture_id),
    sensor: fc.constantFrom('a', 'b'),
    interface: fc.constant(`eth${ordinal}`),
    colo: anyText,
    ordinal: fc.constant(ordinal),
    ...partChoices,
  };
  const requiredKeys = ['capture_id', 'sensor', 'interface', 'colo', 'ordinal', 'phase', 'sequence'] as const;
  return fc.record(fields, { requiredKeys: [...requiredKeys] });
}

/** A capture that says nothing surprising. */
export function plainCapture(account_id: string, change: Partial<CaptureRecord> = {}): CaptureRecord {
  return {
    id: freshId(),
    account_id,
    principal_id: 'p',
    spec: {
      type: 'simple',
      system: 'magic-transit',
      time_limit_s: 60,
      filter_v1: {},
      format: 'pcap',
      packet_limit: 10,
      offset_time: 0n,
    },
    scope: { sensors: 'all', networks: 'all' },
    status: 'pending',
    submitted: 1000n,
    delivery: 'lookback',
    piece_bytes: 8_388_608,
    version: 1n,
    ...change,
  };
}

/** A new account with one bucket. */
export async function plainAccount(db: Database): Promise<{ account_id: string; ownership_id: string }> {
  const [account_id, ownership_id] = [freshId(), freshId()];
  await db.transaction(async (tx) => {
    await insertAccount(tx, { id: account_id, name: 'test', created: 1n, scope: { sensors: 'all', networks: [] } });
    await insertOwnership(tx, {
      id: ownership_id,
      account_id,
      destination_conf: 'file:///b',
      filename: 'f',
      status: 'success',
      submitted: 1n,
      challenge_digest: '00',
    });
  });
  return { account_id, ownership_id };
}
