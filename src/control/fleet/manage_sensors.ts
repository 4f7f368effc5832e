import type { Database } from '../../db/database.ts';
import { removeSensor } from '../../db/remove_sensor.ts';
import { listSensors, sensorByName, type SensorRecord } from '../../db/sensors.ts';
import { fault, raise } from '../../model/errors/fault.ts';
import { limits } from '../../model/limits.ts';
import type { TimeNs } from '../../model/time.ts';

/** How a sensor is: `at_work` was heard of within 30 s, `left` has said good-bye. */
export type SensorStatus = 'at_work' | 'silent' | 'left';

/** A sensor as operators see it; moments of the wall clock. */
export interface ListedSensor {
  readonly name: string;
  readonly sensor_id?: string;
  readonly colo: string;
  readonly status: SensorStatus;
  readonly last_heard: TimeNs;
  readonly left_at?: TimeNs;
  readonly interfaces: readonly string[];
}

const second = 1_000_000_000n;
/** One that was heard of so lately is at work: it would be back with its next heartbeat, and what it captures lost. */
const at_work_s = 10n;

/** Every sensor that is known, by name. */
export async function listedSensors(db: Database): Promise<readonly ListedSensor[]> {
  const now = await db.now();
  const toWall = (at: TimeNs): TimeNs => db.clock.toWall(at);
  return (await listSensors(db)).map((sensor) => ({
    name: sensor.name,
    ...(sensor.sensor_id === undefined ? {} : { sensor_id: sensor.sensor_id }),
    colo: sensor.colo,
    status: statusOf(sensor, now),
    last_heard: toWall(sensor.last_heard),
    ...(sensor.left_at === undefined ? {} : { left_at: toWall(sensor.left_at) }),
    interfaces: sensor.interfaces.map((port) => port.name),
  }));
}

/**
 * Forgets a sensor that is gone: no capture asks for it or names it any more, and those that await it await it no more.
 *
 * @throws FaultError `sensor_unknown`, `sensor_at_work`
 */
export async function forgetSensor(db: Database, name: string): Promise<void> {
  await db.transaction(async (tx) => {
    const sensor = await sensorByName(tx, name);
    if (sensor === undefined) raise('sensor_unknown', { sensor: name });
    const ago_s = ((await tx.now()) - sensor.last_heard) / second;
    if (sensor.left_at === undefined && ago_s < at_work_s) {
      raise('sensor_at_work', { sensor: name, ago_s: Number(ago_s), wait_s: Number(at_work_s) });
    }
    await removeSensor(tx, name, fault('sensor_removed', { sensor: name }).message);
  });
}

function statusOf({ last_heard, left_at }: SensorRecord, now: TimeNs): SensorStatus {
  if (left_at !== undefined) return 'left';
  return last_heard > now - BigInt(limits.unknown_after_s) * second ? 'at_work' : 'silent';
}
