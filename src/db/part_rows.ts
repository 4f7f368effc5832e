import type { Insertable, Selectable, Updateable } from 'kysely';
import type { PartRecord } from '../model/record.ts';
import type { Patch } from './patch.ts';
import { present } from './present.ts';
import type { PartsTable } from './tables.ts';

/** What of a part may change after it was made. */
export type PartPatch = Patch<Omit<PartRecord, 'capture_id' | 'sensor' | 'interface' | 'colo' | 'ordinal'>>;

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
    linktype: part.linktype === undefined ? null : BigInt(part.linktype),
    packets: part.packets ?? null,
    bytes: part.bytes ?? null,
    dropped: part.dropped ?? null,
    interface_dropped: part.interface_dropped ?? null,
    cut: part.cut ?? null,
    stop_reason: part.stop_reason ?? null,
    unordered: part.unordered === undefined ? null : BigInt(part.unordered),
    error: part.error ?? null,
    upload_id: part.upload_id ?? null,
    upload_attempt: part.upload_attempt === undefined ? null : BigInt(part.upload_attempt),
    object_key: part.object_key ?? null,
    size_bytes: part.size_bytes ?? null,
    sha256: part.sha256 ?? null,
    sample_rate: part.sample_rate ?? null,
    packets_estimated: part.packets_estimated ?? null,
    coverage: part.coverage ?? null,
  } satisfies Record<keyof PartRecord, unknown>;
}

/** The part of a row. */
export function partOfRow(row: Selectable<PartsTable>): PartRecord {
  const { ordinal, sequence, linktype, unordered, upload_attempt, ...plain } = row;
  return {
    ...present(plain),
    ordinal: Number(ordinal),
    sequence: Number(sequence),
    ...(linktype === null ? {} : { linktype: Number(linktype) }),
    ...(upload_attempt === null ? {} : { upload_attempt: Number(upload_attempt) }),
    ...(unordered === null ? {} : { unordered: unordered !== 0n }),
  };
}

/** Changes of a part as changes of its row. */
export function partChanges(patch: PartPatch): Updateable<PartsTable> {
  const { sequence, linktype, upload_attempt, unordered, ...plain } = patch;
  return {
    ...plain,
    ...(sequence === undefined ? {} : { sequence: BigInt(sequence) }),
    ...(linktype === undefined ? {} : { linktype: whole(linktype) }),
    ...(upload_attempt === undefined ? {} : { upload_attempt: whole(upload_attempt) }),
    ...(unordered === undefined ? {} : { unordered: whole(unordered) }),
  };
}

function whole(value: number | boolean | null): bigint | null {
  return value === null ? null : BigInt(value);
}
