import { fault } from '../model/errors/fault.ts';
import { limits } from '../model/limits.ts';
import type { PartRecord } from '../model/record.ts';
import type { CaptureState, Step } from './capture_state.ts';
import { type FleetMember, sensorsOfColo } from './choose_parts.ts';
import { seconds } from './seconds.ts';
import { sensorsOf } from './sensors_of.ts';

/** A sensor that serves whatever interface comes, as it is now. */
export interface GrowingMember extends FleetMember {
  /** So many rings fit into its memory, and so many are taken by all captures; absent where it does not say. */
  readonly rings?: { readonly limit: number; readonly taken: number };
}

/** An interface that comes so shortly before the end is not worth the waiting for it. */
const worthwhile_s = 1;

/**
 * Takes the interfaces that have come since the capture began into it: from now on they are captured, too. Where there is no memory for one,
 * it is named with that. Undefined where nothing has come, or it is too late.
 */
export function joinParts(state: CaptureState, at: bigint, members: readonly GrowingMember[]): Step | undefined {
  const { record, parts } = state;
  const { spec, deadline } = record;
  if (spec.type !== 'full' || record.delivery !== 'staged' || record.stop_cause !== undefined) return undefined;
  if (record.status !== 'pending' && record.status !== 'running') return undefined;
  if (deadline !== undefined && at > deadline - seconds(worthwhile_s)) return undefined;
  const known = new Set(parts.map((part) => key(part.sensor, part.interface)));
  const joined: PartRecord[] = [];
  for (const member of sensorsOfColo(spec.colo_name, members, record.scope)) {
    // One that had nothing to tell at the beginning stays as it was told then.
    if (!parts.some((part) => part.sensor === member.name && part.phase !== 'lost')) continue;
    let free = member.rings === undefined ? Number.POSITIVE_INFINITY : member.rings.limit - member.rings.taken;
    for (const { name } of member.interfaces) {
      if (known.has(key(member.name, name)) || parts.length + joined.length >= limits.parts_max) continue;
      const { name: sensor, colo, rings } = member;
      const common = { capture_id: record.id, sensor, interface: name, colo, sequence: 0 };
      // The sensor is given as long from now on as it had at the beginning.
      const part = { ...common, ordinal: nextOrdinal(parts) + joined.length, began_at: at };
      free -= 1;
      if (free >= 0) joined.push({ ...part, phase: 'assigned' });
      else {
        const { limit, taken } = rings ?? { limit: 0, taken: 0 };
        const { message } = fault('capture_rings_taken', { sensor, limit, taken, parts: 1 });
        joined.push({ ...part, phase: 'lost', error: `it came while the capture ran: ${message}` });
      }
    }
  }
  if (joined.length === 0) return undefined;
  const next = { record, parts: [...parts, ...joined] };
  return { state: next, effects: [{ kind: 'work_changed', sensors: sensorsOf({ record, parts: joined }) }] };
}

function key(sensor: string, interfaceName: string): string {
  return `${sensor} ${interfaceName}`;
}

function nextOrdinal(parts: readonly PartRecord[]): number {
  return parts.reduce((next, part) => Math.max(next, part.ordinal + 1), 0);
}
