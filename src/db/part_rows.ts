import type { Insertable, Selectable, Updateable } from 'kysely';
import { fromJsonText, toJsonText } from '../model/json_text.ts';
import type { PartPast } from '../model/past.ts';
import type { PartRecord } from '../model/record.ts';
import { mustBe, reading } from './damaged_row.ts';
import type { Patch } from './patch.ts';
import { presentOf } from './present.ts';
import type { PartsTable } from './tables.ts';

/** What of a part may change after it was made. */
export type PartPatch = Patch<Omit<PartRecord, 'capture_id' | 'sensor' | 'interface' | 'colo' | 'ordinal'>>;

/** The columns that a record has as they are. */
const plain = [
  'capture_id',
  'sensor',
  'interface',
  'colo',
  'phase',
  'epoch',
  'armed_at',
  'clock_offset',
  'began_at',
  'packets',
  'bytes',
  'dropped',
  'interface_dropped',
  'cut',
  'stop_reason',
  'error',
  'missing',
  'note',
  'upload_id',
  'object_key',
  'size_bytes',
  'sha256',
  'sample_rate',
  'packets_estimated',
  'coverage',
  'covered',
  'samples_from',
  'samples_to',
] as const satisfies readonly (keyof PartsTable & keyof PartRecord)[];

/** All columns of a part's row. */
export const partColumns = [
  ...plain,
  'ordinal',
  'sequence',
  'linktype',
  'unordered',
  'dropped_is_upper_bound',
  'upload_attempt',
  'past',
] as const satisfies readonly (keyof PartsTable)[];

/** A part as a row. */
export function partRow(part: PartRecord): Insertable<PartsTable> {
  return {
    capture_id: part.capture_id,
    sensor: part.sensor,
    interface: part.interface,
    colo: part.colo,
    ordinal: BigInt(part.ordinal),
    phase: part.phase,
    epoch: part.epoch ?? null,
    sequence: BigInt(part.sequence),
    armed_at: part.armed_at ?? null,
    clock_offset: part.clock_offset ?? null,
    began_at: part.began_at ?? null,
    linktype: part.linktype === undefined ? null : BigInt(part.linktype),
    packets: part.packets ?? null,
    bytes: part.bytes ?? null,
    dropped: part.dropped ?? null,
    dropped_is_upper_bound: whole(part.dropped_is_upper_bound ?? null),
    interface_dropped: part.interface_dropped ?? null,
    cut: part.cut ?? null,
    stop_reason: part.stop_reason ?? null,
    unordered: whole(part.unordered ?? null),
    error: part.error ?? null,
    missing: part.missing ?? null,
    note: part.note ?? null,
    upload_id: part.upload_id ?? null,
    upload_attempt: part.upload_attempt === undefined ? null : BigInt(part.upload_attempt),
    object_key: part.object_key ?? null,
    size_bytes: part.size_bytes ?? null,
    sha256: part.sha256 ?? null,
    sample_rate: part.sample_rate ?? null,
    packets_estimated: part.packets_estimated ?? null,
    coverage: part.coverage ?? null,
    covered: part.covered ?? null,
    samples_from: part.samples_from ?? null,
    samples_to: part.samples_to ?? null,
    past: part.past === undefined ? null : toJsonText(part.past),
  } satisfies Record<keyof PartRecord, unknown>;
}

const phases: ReadonlySet<string> = new Set<PartRecord['phase']>([
  'assigned',
  'armed',
  'ended',
  'uploaded',
  'failed',
  'excluded',
  'lost',
]);

/** The part of a row; its JSON was written by `partRow` or `partChanges`. Throws `row_damaged`. */
export function partOfRow(row: Selectable<PartsTable>): PartRecord {
  const name = `the part of capture ${row.capture_id} on ${row.sensor}/${row.interface}`;
  return reading(name, () => readPart(row));
}

function readPast(text: string): PartPast {
  const past = fromJsonText(text) as Partial<PartPast> | null;
  mustBe(past !== null && typeof past === 'object' && Array.isArray(past.streams), 'its past');
  return past as PartPast;
}

function readPart(row: Selectable<PartsTable>): PartRecord {
  const { ordinal, sequence, linktype, unordered, dropped_is_upper_bound, upload_attempt, past } = row;
  mustBe(phases.has(row.phase), 'its phase');
  return {
    ...presentOf(row, plain),
    ordinal: Number(ordinal),
    sequence: Number(sequence),
    ...(linktype === null ? {} : { linktype: Number(linktype) }),
    ...(upload_attempt === null ? {} : { upload_attempt: Number(upload_attempt) }),
    ...(unordered === null ? {} : { unordered: unordered !== 0n }),
    ...(dropped_is_upper_bound === null ? {} : { dropped_is_upper_bound: dropped_is_upper_bound !== 0n }),
    ...(past === null ? {} : { past: readPast(past) }),
  };
}

/** Changes of a part as changes of its row. */
export function partChanges(patch: PartPatch): Updateable<PartsTable> {
  const { sequence, linktype, upload_attempt, unordered, dropped_is_upper_bound, past, ...plain } = patch;
  return {
    ...plain,
    ...(sequence === undefined ? {} : { sequence: BigInt(sequence) }),
    ...(linktype === undefined ? {} : { linktype: whole(linktype) }),
    ...(upload_attempt === undefined ? {} : { upload_attempt: whole(upload_attempt) }),
    ...(unordered === undefined ? {} : { unordered: whole(unordered) }),
    ...(dropped_is_upper_bound === undefined ? {} : { dropped_is_upper_bound: whole(dropped_is_upper_bound) }),
    ...(past === undefined ? {} : { past: past === null ? null : toJsonText(past) }),
  };
}

function whole(value: number | boolean | null): bigint | null {
  return value === null ? null : BigInt(value);
}
