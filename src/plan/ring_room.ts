import { type Fault, fault } from '../model/errors/fault.ts';
import type { PartRecord } from '../model/record.ts';

/** What is known of a sensor's memory for captures. */
export interface RingSensor {
  readonly name: string;
  /** So many rings fit into it, one for each interface of each capture; absent where it does not say. */
  readonly rings_max?: number;
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
