import type { Queries } from '../../db/database.ts';
import { partsCaptured } from '../../db/parts.ts';
import type { SensorRecord } from '../../db/sensors.ts';
import type { LimitName } from '../../model/shared_limits.ts';

/** What the account takes that takes most: of interfaces in all, and of the rings of the sensor of which it takes most, in percent. */
export async function heldShares(
  db: Queries,
  sensors: readonly Pick<SensorRecord, 'name' | 'rings_max'>[],
): Promise<Readonly<Partial<Record<LimitName, number>>>> {
  const { by_account } = await partsCaptured(db);
  const rings = new Map(sensors.map(({ name, rings_max }) => [name, rings_max]));
  let [full_parts, rings_percent] = [0, 0];
  for (const own of by_account.values()) {
    full_parts = Math.max(
      full_parts,
      [...own.values()].reduce((sum, count) => sum + count, 0),
    );
    for (const [sensor, count] of own) {
      const all = rings.get(sensor);
      if (all !== undefined) rings_percent = Math.max(rings_percent, Math.ceil((count * 100) / all));
    }
  }
  return { full_parts, rings_percent };
}
