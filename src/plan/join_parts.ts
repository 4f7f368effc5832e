import { type Fault, fault } from '../model/errors/fault.ts';
import { limits } from '../model/limits.ts';
import type { PartRecord } from '../model/record.ts';
import { type LimitName, sharedLimits } from '../model/shared_limits.ts';
import type { CaptureState, Effect, Step } from './capture_state.ts';
import { type FleetMember, sensorsOfColo } from './choose_parts.ts';
import { seconds } from './seconds.ts';
import { sensorsOf } from './sensors_of.ts';

/** A sensor that serves whatever interface comes, as it is now. */
export interface GrowingMember extends FleetMember {
  /** So many rings fit into its memory, and so many are taken by all captures; absent where it does not say. */
  readonly rings?: { readonly limit: number; readonly taken: number };
  /** What the capture's account may take; without, it has no bound of its own. */
  readonly share?: JoinShare;
}

/** What an account may take while others are there, and what it has. */
export interface JoinShare {
  /** Of the sensor's rings; absent where there is nobody else, or it does not say how many it has. */
  readonly rings?: { readonly limit: number; readonly taken: number };
  /** Interfaces of all sensors. */
  readonly parts: { readonly limit: number; readonly taken: number };
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
  const refused: Effect[] = [];
  for (const member of sensorsOfColo(spec.colo_name, members, record.scope)) {
    // One that had nothing to tell at the beginning stays as it was told then.
    if (!parts.some((part) => part.sensor === member.name && part.phase !== 'lost')) continue;
    for (const { name } of member.interfaces) {
      if (known.has(key(member.name, name)) || parts.length + joined.length >= limits.parts_max) continue;
      const { name: sensor, colo } = member;
      const common = { capture_id: record.id, sensor, interface: name, colo, sequence: 0 };
      // The sensor is given as long from now on as it had at the beginning.
      const part = { ...common, ordinal: nextOrdinal(parts) + joined.length, began_at: at };
      const lacking = lackingFor(member, joined);
      if (lacking === undefined) joined.push({ ...part, phase: 'assigned' });
      else {
        joined.push({ ...part, phase: 'lost', error: `it came while the capture ran: ${lacking.fault.message}` });
        if (lacking.limit !== undefined) refused.push({ kind: 'limit_reached', limit: lacking.limit });
      }
    }
  }
  if (joined.length === 0) return undefined;
  const next = { record, parts: [...parts, ...joined] };
  const changed: Effect = { kind: 'work_changed', sensors: sensorsOf({ record, parts: joined }) };
  return { state: next, effects: [changed, ...refused] };
}

/** What keeps another interface of a sensor from being captured, beside those that have joined just now; undefined where nothing does. */
function lackingFor(
  { name: sensor, rings, share }: GrowingMember,
  joined: readonly PartRecord[],
): { readonly fault: Fault; readonly limit?: LimitName } | undefined {
  const begun = joined.filter(({ phase }) => phase === 'assigned');
  const here = begun.filter((part) => part.sensor === sensor).length;
  if (share !== undefined && share.parts.taken + begun.length >= share.parts.limit) {
    const params = { limit: share.parts.limit, taken: share.parts.taken + begun.length, parts: 1 };
    return {
      fault: fault('account_parts_taken', { ...params, setting: settingOf('full_parts') }),
      limit: 'full_parts',
    };
  }
  if (share?.rings !== undefined && rings !== undefined && share.rings.taken + here >= share.rings.limit) {
    const params = { sensor, rings: rings.limit, share: share.rings.limit, taken: share.rings.taken + here, parts: 1 };
    const setting = settingOf('rings_percent');
    return { fault: fault('account_rings_taken', { ...params, setting }), limit: 'rings_percent' };
  }
  if (rings === undefined || rings.taken + here < rings.limit) return undefined;
  return { fault: fault('capture_rings_taken', { sensor, ...rings, taken: rings.taken + here, parts: 1 }) };
}

function settingOf(name: LimitName): string {
  return `EDGETAP_${sharedLimits[name].setting}`;
}

function key(sensor: string, interfaceName: string): string {
  return `${sensor} ${interfaceName}`;
}

function nextOrdinal(parts: readonly PartRecord[]): number {
  return parts.reduce((next, part) => Math.max(next, part.ordinal + 1), 0);
}
