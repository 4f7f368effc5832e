import type { SensorRecord } from '../../db/sensors.ts';
import { limits } from '../../model/limits.ts';

/** What does not work on the sensors that are there. */
export interface FleetTroubles {
  /** Each with sensor, interface, cause and what to do. */
  readonly reasons: readonly string[];
  /** No sensor that was heard of lately has an interface that works. */
  readonly blind: boolean;
}

/** Gathers what sensors that were heard of lately say of their interfaces. */
export function fleetTroubles(sensors: readonly SensorRecord[], now: bigint): FleetTroubles {
  const heard = sensors.filter(
    ({ last_heard, left_at }) =>
      left_at === undefined && last_heard > now - BigInt(limits.unknown_after_s) * 1_000_000_000n,
  );
  const reasons = heard.flatMap(({ name, interfaces, samples }) => [
    ...(interfaces.length === 0 ? [`${name}: it has no interface that could be captured on`] : []),
    ...samples.flatMap((one) => (one.fault === undefined ? [] : [`${name}/${one.interface}: ${one.fault.message}`])),
  ]);
  const works = ({ interfaces, samples }: SensorRecord): boolean =>
    interfaces.some((port) => samples.every((one) => one.interface !== port.name || one.fault === undefined));
  return { reasons, blind: !heard.some(works) };
}
