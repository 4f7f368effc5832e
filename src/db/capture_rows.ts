import type { Insertable, Selectable } from 'kysely';
import type { CaptureSpec } from '../model/capture.ts';
import type { CaptureRecord } from '../model/record.ts';
import { statuses } from '../model/status.ts';
import type { Scope } from '../model/scope.ts';
import { fromJsonText, toJsonText } from '../model/json_text.ts';
import { mustBe, reading } from './damaged_row.ts';
import { memo } from './memo.ts';
import { presentOf } from './present.ts';
import type { CapturesTable } from './tables.ts';

/** Captures that are polled are read again and again; what was asked for never changes. */
const remembered = 1024;
const specOf = memo(remembered, (text) => {
  const spec = fromJsonText(text) as Partial<CaptureSpec> | null;
  const full = spec?.type === 'full' && [spec.colo_name, spec.destination_conf, spec.ownership_id].every(isText);
  const simple = spec?.type === 'simple' && isCount(spec.packet_limit) && typeof spec.offset_time === 'bigint';
  const both = isCount(spec?.time_limit_s) && typeof spec?.filter_v1 === 'object' && spec.filter_v1 !== null;
  mustBe(both && (full || simple) && (spec.format === 'pcap' || spec.format === 'pcapng'), 'what was asked for');
  return spec as CaptureSpec;
});
const scopeOf = memo(remembered, readScope);

/** Reads a scope as `toJsonText` wrote it; throws for anything else. */
function readScope(text: string): Scope {
  const scope = fromJsonText(text) as Partial<Scope> | null;
  mustBe(isNames(scope?.sensors) && isNames(scope?.networks), 'the scope');
  return scope as Scope;
}

/** Is this `all`, or a list of texts? */
export function isNames(value: unknown): value is 'all' | readonly string[] {
  return value === 'all' || (Array.isArray(value) && value.every(isText));
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

const deliveries: ReadonlySet<string> = new Set<CaptureRecord['delivery']>(['direct', 'staged', 'lookback']);

/** The columns that a record has as they are. */
const plain = [
  'id',
  'account_id',
  'principal_id',
  'status',
  'submitted',
  'armed_at',
  'deadline',
  'stop_requested',
  'stop_cause',
  'ended_at',
  'packets_captured',
  'packets_dropped',
  'packets_past',
  'sample_rate',
  'packets_estimated',
  'oldest_packet',
  'error_message',
  'size_bytes',
  'sha256',
  'delivery',
  'version',
] as const satisfies readonly (keyof CapturesTable & keyof CaptureRecord)[];

/** A capture as a row. */
export function captureRow(record: CaptureRecord): Insertable<CapturesTable> {
  return {
    id: record.id,
    account_id: record.account_id,
    principal_id: record.principal_id,
    type: record.spec.type,
    spec: toJsonText(record.spec),
    scope: toJsonText(record.scope),
    ownership_id: record.spec.type === 'full' ? record.spec.ownership_id : null,
    status: record.status,
    submitted: record.submitted,
    armed_at: record.armed_at ?? null,
    deadline: record.deadline ?? null,
    stop_requested: record.stop_requested ?? null,
    stop_cause: record.stop_cause ?? null,
    ended_at: record.ended_at ?? null,
    packets_captured: record.packets_captured ?? null,
    packets_dropped: record.packets_dropped ?? null,
    packets_dropped_is_upper_bound:
      record.packets_dropped_is_upper_bound === undefined ? null : BigInt(record.packets_dropped_is_upper_bound),
    packets_past: record.packets_past ?? null,
    sample_rate: record.sample_rate ?? null,
    packets_estimated: record.packets_estimated ?? null,
    truncated: record.truncated === undefined ? null : BigInt(record.truncated),
    oldest_packet: record.oldest_packet ?? null,
    error_message: record.error_message ?? null,
    size_bytes: record.size_bytes ?? null,
    sha256: record.sha256 ?? null,
    delivery: record.delivery,
    piece_bytes: BigInt(record.piece_bytes),
    version: record.version,
  } satisfies Record<keyof CaptureRecord | 'type' | 'ownership_id', unknown>;
}

/** The capture of a row; its JSON was written by `captureRow`. Throws `row_damaged`. */
export function captureOfRow(row: Selectable<CapturesTable>): CaptureRecord {
  return reading(`capture ${row.id}`, () => readCapture(row));
}

function readCapture(row: Selectable<CapturesTable>): CaptureRecord {
  const { packets_dropped_is_upper_bound: bound, truncated } = row;
  mustBe(statuses.includes(row.status), 'its status');
  mustBe(deliveries.has(row.delivery), 'its way of delivery');
  mustBe(typeof row.submitted === 'bigint' && typeof row.piece_bytes === 'bigint', 'a number of it');
  return {
    ...presentOf(row, plain),
    spec: specOf(row.spec),
    scope: scopeOf(row.scope),
    piece_bytes: Number(row.piece_bytes),
    ...(truncated === null ? {} : { truncated: truncated !== 0n }),
    ...(bound === null ? {} : { packets_dropped_is_upper_bound: bound !== 0n }),
  };
}
