import { coloMatches } from '../model/colo.ts';
import type { Delivery, PartRecord } from '../model/record.ts';
import type { FullSpec } from '../model/capture.ts';
import type { Scope } from '../model/scope.ts';

/** What planning needs to know of a sensor. */
export interface FleetMember {
  readonly name: string;
  readonly colo: string;
  readonly interfaces: readonly { readonly name: string; readonly linktype?: number }[];
  /** How the sampling of its interfaces goes, also of those that it waits for. */
  readonly samples?: readonly { readonly interface: string; readonly fault?: { readonly name: string } }[];
  /** Why it cannot be asked for anything now. */
  readonly absent?: string;
}

/** The interfaces that a sensor serves: those that are there, and those that its settings name and that are away. */
export function servedInterfaces({ interfaces, samples = [] }: FleetMember): readonly string[] {
  const there = interfaces.map((port) => port.name);
  const away = samples.filter((one) => one.fault?.name === 'interface_unknown').map((one) => one.interface);
  return [...there, ...away.filter((name) => !there.includes(name))];
}

/** Where a capture looks for packets; of an absent sensor whose interfaces nobody knows, too, it is told that it is missing. */
function placesOf(member: FleetMember): readonly string[] {
  const served = servedInterfaces(member);
  return served.length === 0 && member.absent !== undefined ? ['*'] : served;
}

/** The sensors that a scope lets an account see. */
export function visibleSensors<Member extends FleetMember>(fleet: readonly Member[], scope: Scope): readonly Member[] {
  const { sensors } = scope;
  return sensors === 'all' ? fleet : fleet.filter((member) => sensors.includes(member.name));
}

/** The sensors of a site, or of all sites of that name, that a scope lets an account see; by name. */
export function sensorsOfColo<Member extends FleetMember>(
  colo_name: string,
  fleet: readonly Member[],
  scope: Scope,
): readonly Member[] {
  return visibleSensors(fleet, scope)
    .filter((member) => coloMatches(colo_name, member.colo))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

/**
 * One part for every interface of every sensor of the colo, in the total order: sensor name, then the sensor's own order. Those of a sensor
 * that cannot be asked are lost from the start, so that nobody waits for them.
 */
export function chooseParts(
  capture_id: string,
  colo_name: string,
  fleet: readonly FleetMember[],
  scope: Scope,
): readonly PartRecord[] {
  return sensorsOfColo(colo_name, fleet, scope)
    .flatMap((member) => placesOf(member).map((name) => ({ member, interface: name })))
    .map(({ member: { name: sensor, colo, absent }, interface: name }, ordinal) => ({
      capture_id,
      sensor,
      interface: name,
      colo,
      ordinal,
      ...(absent === undefined ? { phase: 'assigned' } : { phase: 'lost', error: absent }),
      sequence: 0,
    }));
}

/**
 * One interface in all, a classic file and no past: its part is the delivered object itself, and no byte is copied twice. Not where others
 * may join it.
 */
export function chooseDelivery(
  parts: readonly PartRecord[],
  { format, lookback_s }: Pick<FullSpec, 'format' | 'lookback_s'>,
  mayGrow: boolean,
): Delivery {
  return !mayGrow && parts.length === 1 && format === 'pcap' && lookback_s === undefined ? 'direct' : 'staged';
}
