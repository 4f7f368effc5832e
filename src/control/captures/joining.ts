import { hasOthers } from '../../db/accounts.ts';
import type { Queries } from '../../db/database.ts';
import { type PartsCaptured, partsCaptured } from '../../db/parts.ts';
import type { SensorRecord } from '../../db/sensors.ts';
import { limits as fixed } from '../../model/limits.ts';
import type { CaptureRecord, PartRecord } from '../../model/record.ts';
import type { LimitValues } from '../../model/shared_limits.ts';
import type { CaptureEvent } from '../../plan/capture_event.ts';
import type { GrowingMember } from '../../plan/join_parts.ts';
import { ringShare } from '../../plan/ring_room.ts';

/** What is known where interfaces may have come. */
interface Known {
  readonly at: bigint;
  /** The sensors that serve whatever comes. */
  readonly growing: readonly SensorRecord[];
  readonly captured: PartsCaptured;
  readonly others: boolean;
  readonly values: LimitValues;
  /** The accounts of the captures that may take them in. */
  readonly accounts: ReadonlyMap<string, string>;
}

/**
 * Tells captures, one after the other, which interfaces the sensors have that serve whatever comes, and what of the memory for rings is taken:
 * by all, and by the capture's account, with what has joined those that were told before.
 */
export class Joining {
  readonly #known: Known;
  /** Parts that have joined, by sensor; of all, and of each account. */
  readonly #joined = new Map<string, number>();
  readonly #joined_of = new Map<string, Map<string, number>>();

  constructor(known: Known) {
    this.#known = known;
  }

  /** What a capture is told. */
  eventOf(capture_id: string): CaptureEvent {
    const { at, growing, captured, others, values, accounts } = this.#known;
    const account_id = accounts.get(capture_id) ?? '';
    const of = (sensor: string): number =>
      (captured.by_account.get(account_id)?.get(sensor) ?? 0) + (this.#joined_of.get(account_id)?.get(sensor) ?? 0);
    const before = [...(captured.by_account.get(account_id)?.values() ?? [])];
    const since = [...(this.#joined_of.get(account_id)?.values() ?? [])];
    const parts = {
      limit: values.full_parts,
      taken: [...before, ...since].reduce((sum, count) => sum + count, 0),
    };
    const members = growing.map(({ name, colo, interfaces, rings_max: limit }): GrowingMember => {
      const member = { name, colo, interfaces };
      if (limit === undefined) return { ...member, share: { parts } };
      const rings = { limit, taken: (captured.all.get(name) ?? 0) + (this.#joined.get(name) ?? 0) };
      const own = { limit: ringShare(limit, values.rings_percent), taken: of(name) };
      return { ...member, rings, share: { parts, ...(others ? { rings: own } : {}) } };
    });
    return { kind: 'joined', at, members };
  }

  /** These have come to a capture. */
  count(capture_id: string, parts: readonly PartRecord[]): void {
    const account_id = this.#known.accounts.get(capture_id) ?? '';
    for (const { sensor, phase } of parts) {
      if (phase !== 'assigned') continue;
      const own = this.#joined_of.get(account_id) ?? new Map<string, number>();
      this.#joined_of.set(account_id, own.set(sensor, (own.get(sensor) ?? 0) + 1));
      this.#joined.set(sensor, (this.#joined.get(sensor) ?? 0) + 1);
    }
  }
}

/** Makes what tells these captures of interfaces, anew for each try; undefined where no sensor serves whatever comes. */
export async function joinedSince(
  db: Queries,
  sensors: readonly SensorRecord[],
  open: readonly CaptureRecord[],
  at: bigint,
  values: LimitValues,
): Promise<(() => Joining) | undefined> {
  const alive = (sensor: SensorRecord): boolean =>
    sensor.left_at === undefined && sensor.last_heard > at - BigInt(fixed.unknown_after_s) * 1_000_000_000n;
  const growing = sensors.filter((sensor) => sensor.serves_all === true && alive(sensor));
  const [first] = open;
  if (growing.length === 0 || first === undefined) return undefined;
  const captured = await partsCaptured(db);
  const others = await hasOthers(db, first.account_id);
  const accounts = new Map(open.map(({ id, account_id }) => [id, account_id]));
  return () => new Joining({ at, growing, captured, others, values, accounts });
}
