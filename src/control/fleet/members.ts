import type { DatabaseClock } from '../../db/database.ts';
import type { SensorRecord } from '../../db/sensors.ts';
import { type Fault, fault } from '../../model/errors/fault.ts';
import { formatTime, type TimeNs } from '../../model/time.ts';
import type { FleetWatch } from './fleet_watch.ts';

/** A sensor that a request is about. */
export interface Member {
  readonly sensor: SensorRecord;
  /** Why it is not asked, and only named. */
  readonly absent?: Fault;
}

/** What telling who is there takes. */
export interface MembersDeps {
  readonly watch: FleetWatch;
  readonly db: { readonly clock: Pick<DatabaseClock, 'toWall'> };
}

/**
 * The sensors that have to do with what began at `from`, a moment of the wall clock; by name. One that said good-bye before that has not. One
 * that is silent, or said good-bye since, could have something to say, and cannot be asked. Without `from` what matters begins now.
 */
export function membersSince(
  fleet: readonly SensorRecord[],
  from: TimeNs | undefined,
  { watch, db }: MembersDeps,
): readonly Member[] {
  return fleet
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    .flatMap((sensor): readonly Member[] => {
      const { name, left_at } = sensor;
      const presence = watch.of(sensor);
      if (presence === 'there') return [{ sensor }];
      if (presence === 'silent') {
        const since = formatTime(db.clock.toWall(sensor.last_heard));
        return [{ sensor, absent: fault('sensor_silent', { sensor: name, since }) }];
      }
      if (left_at === undefined) return [];
      const left = db.clock.toWall(left_at);
      if (from === undefined || left <= from) return [];
      return [{ sensor, absent: fault('sensor_left', { sensor: name, since: formatTime(left) }) }];
    });
}
