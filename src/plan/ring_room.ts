import { type Fault, fault } from '../model/errors/fault.ts';
import type { PartRecord } from '../model/record.ts';

/** What is known of a sensor's memory for captures. */
export interface RingSensor {
  readonly name: string;
  /** So many rings fit into it, one for each interface of each capture; absent where it does not say. */
  readonly rings_max?: number;
}

/** What one account would have too much of. */
export interface ShareExceeded {
  readonly sensor: string;
  /** Rings that the sensor has memory for, and how many of these the account may take. */
  readonly rings: number;
  readonly share: number;
  /** How many it has taken, and how many more the capture needs. */
  readonly taken: number;
  readonly parts: number;
}

/** How many of so many rings an account may take; one of them at least. */
export function ringShare(rings: number, percent: number): number {
  return Math.max(1, Math.floor((rings * percent) / 100));
}

/** Of which sensor these parts would give an account more than its share of the rings, in percent; of one ring there is no share. */
export function beyondShare(
  parts: readonly Pick<PartRecord, 'sensor' | 'phase'>[],
  sensors: readonly RingSensor[],
  own: ReadonlyMap<string, number>,
  percent: number,
): ShareExceeded | undefined {
  const assigned = parts.filter((part) => part.phase === 'assigned');
  for (const { name, rings_max: rings } of sensors) {
    const needed = assigned.filter(({ sensor }) => sensor === name).length;
    if (rings === undefined || needed === 0) continue;
    const share = ringShare(rings, percent);
    const taken = own.get(name) ?? 0;
    if (taken + needed > share) return { sensor: name, rings, share, taken, parts: needed };
  }
  return undefined;
}

/**
 * Why the sensors have no memory for these parts of a new capture beside what they capture already; undefined where they have. `taken` is how
 * many rings of each sensor are taken, by name.
 */
export function ringRoom(
  parts: readonly Pick<PartRecord, 'sensor' | 'phase'>[],
  sensors: readonly RingSensor[],
  taken: ReadonlyMap<string, number>,
): Fault | undefined {
  const wanted = Map.groupBy(
    parts.filter((part) => part.phase === 'assigned'),
    (part) => part.sensor,
  );
  for (const { name, rings_max: limit } of sensors) {
    const needed = wanted.get(name)?.length ?? 0;
    if (limit === undefined || needed === 0) continue;
    const params = { sensor: name, limit, parts: needed };
    const used = taken.get(name) ?? 0;
    if (needed > limit) return fault('capture_rings_lacking', params, '/colo_name');
    if (used + needed > limit) return fault('capture_rings_taken', { ...params, taken: used }, '/colo_name');
  }
  return undefined;
}
