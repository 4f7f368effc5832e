import { unfinishedCaptures } from '../db/captures.ts';
import type { Database } from '../db/database.ts';
import { listSensors, type SensorRecord } from '../db/sensors.ts';
import { FaultError } from '../model/errors/fault.ts';
import type { TimeNs } from '../model/time.ts';
import type { Readiness, ReadinessPart } from './control.ts';
import { fleetTroubles } from './fleet/fleet_troubles.ts';

/** What looking at the parts of edgetap takes. */
export interface ReadinessDeps {
  readonly db: Database;
  /** The sensors that belong to this control, by name: they are missed from the first moment. */
  readonly expected: readonly string[];
  /** Why nothing is served any more. */
  refusing(): string | undefined;
  /** What is kept for a person to look at. */
  setAside(): readonly string[];
  /** Parts that only the host knows of, by name; none of these ever waits for long. */
  readonly host: readonly HostPart[];
}

/** A part of edgetap that its host looks at. */
export interface HostPart {
  readonly name: string;
  /** What is wrong with it now; undefined where nothing is. */
  look(): Promise<string | undefined>;
}

/** A sensor beats every 2 s. */
const silent_ns = 10_000_000_000n;
const spool_full_share = 0.95;

/**
 * Looks at each part of edgetap. Ready means that requests can be served at all: the database works and some sensor has an interface
 * that works. All else that is wrong is told with the part that it is wrong with. A part is added by one more line here.
 */
export async function readReadiness(deps: ReadinessDeps): Promise<Readiness> {
  const { db, expected } = deps;
  const refusing = deps.refusing();
  if (refusing !== undefined) return readinessOf(false, [{ name: 'database', reasons: [refusing] }]);
  const host = Promise.all(deps.host.map(async (part) => ({ name: part.name, reasons: listOf(await part.look()) })));
  try {
    await unfinishedCaptures(db);
    const [sensors, now] = [await listSensors(db), await db.now()];
    const { reasons: sampling, blind } = fleetTroubles(sensors, now);
    const trouble = db.trouble();
    return readinessOf(trouble === undefined && !blind, [
      { name: 'database', reasons: listOf(trouble?.message) },
      { name: 'sensors', reasons: expected.flatMap((name) => listOf(silence(name, sensors, now))) },
      { name: 'sampling', reasons: sampling },
      { name: 'spool', reasons: sensors.flatMap((sensor) => listOf(fullSpool(sensor))) },
      ...(await host),
      { name: 'set aside', reasons: deps.setAside() },
    ]);
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return readinessOf(false, [{ name: 'database', reasons: [error.message] }, ...(await host)]);
  }
}

function readinessOf(ready: boolean, parts: readonly ReadinessPart[]): Readiness {
  return { ready, parts, reasons: parts.flatMap(({ reasons }) => reasons) };
}

function silence(name: string, sensors: readonly SensorRecord[], now: TimeNs): string | undefined {
  const sensor = sensors.find((one) => one.name === name);
  if (sensor === undefined) return `${name}: this sensor has not been heard of yet`;
  const silent = now - sensor.last_heard;
  if (silent < silent_ns) return undefined;
  return `${name}: this sensor was last heard of ${silent / 1_000_000_000n} s ago`;
}

function fullSpool({
  name,
  left_at,
  spool_used_bytes: used,
  spool_limit_bytes: limit,
}: SensorRecord): string | undefined {
  if (left_at !== undefined || limit === 0n || Number(used) < spool_full_share * Number(limit)) return undefined;
  return `${name}: the spool is full (${used} of ${limit} bytes): captures wait there for their buckets, or raise EDGETAP_SPOOL_BYTES`;
}

function listOf(reason: string | undefined): readonly string[] {
  return reason === undefined ? [] : [reason];
}
