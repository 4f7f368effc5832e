import type { SensorRecord } from '../../db/sensors.ts';

/** A sensor silent for so long is not part of the fleet any more; until then its silence is told in every result. */
const member_ns = 86_400_000_000_000n;

/** The sensors that count as the fleet now. */
export function heardOf(sensors: readonly SensorRecord[], now: bigint): readonly SensorRecord[] {
  return sensors.filter((sensor) => sensor.last_heard > now - member_ns);
}
