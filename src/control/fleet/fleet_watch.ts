import type { SensorRecord } from '../../db/sensors.ts';
import { limits } from '../../model/limits.ts';
import type { TimeNs } from '../../model/time.ts';

/**
 * Is a sensor there, as far as one can know? `silent`: it should be, and has not been heard of for 30 s. `left`: it has said good-bye.
 */
export type Presence = 'there' | 'silent' | 'left';

const unknown_after_ns = BigInt(limits.unknown_after_s) * 1_000_000_000n;
/** Who has not listened for so long has been asleep, as a host that was suspended. */
const asleep_ns = 5_000_000_000n;

/** Who has a name, or speaks for a sensor, has lost that when it has been silent for so long: it beats every 2 s. */
export const name_held_ns = 10_000_000_000n;
const processes_kept = 16;

/** What one control has heard while it listened: that it heard nothing while it did not says nothing about a sensor. */
export class FleetWatch {
  readonly #now: () => TimeNs;
  #listens_since: TimeNs;
  #listened_at: TimeNs;
  /** Since it listens. */
  #has_heard = false;
  readonly #heard = new Set<string>();
  readonly #names = new Map<string, string>();
  readonly #processes = new Map<
    string,
    { readonly current: string; readonly at: TimeNs; readonly before: readonly string[] }
  >();

  /** `now` is the database's clock. */
  constructor(now: () => TimeNs) {
    this.#now = now;
    this.#listens_since = this.#listened_at = now();
  }

  /** Control is at work: to be called every second or so. */
  listen(): void {
    const now = this.#now();
    if (now - this.#listened_at > asleep_ns) {
      this.#listens_since = now;
      this.#has_heard = false;
    }
    this.#listened_at = now;
  }

  /** A sensor's heartbeat was taken down. */
  heard(name: string): void {
    this.listen();
    this.#has_heard = true;
    this.#heard.add(name);
  }

  /** The sensors that have ever been heard of. */
  names(): readonly string[] {
    return [...this.#heard];
  }

  /** The sensor of this identity is known by that name, and no other is. */
  called(sensor_id: string, name: string): void {
    for (const [id, known] of this.#names) if (known === name) this.#names.delete(id);
    this.#names.set(sensor_id, name);
  }

  /**
   * The process `epoch` speaks for the sensor of this identity. Gives whether it may: not where another one has taken its place since, and is
   * at work, as with a data directory that was copied.
   */
  speaks(sensor_id: string, epoch: string): boolean {
    const now = this.#now();
    const { current, at, before } = this.#processes.get(sensor_id) ?? { current: epoch, at: now, before: [] };
    const may = current === epoch || !before.includes(epoch) || now - at >= name_held_ns;
    if (!may) return false;
    const gone = current === epoch ? before : [...before, current].slice(-processes_kept);
    this.#processes.set(sensor_id, { current: epoch, at: now, before: gone.filter((one) => one !== epoch) });
    return true;
  }

  /** What the sensor of this identity is known by, where that has been settled. */
  nameOf(sensor_id: string): string | undefined {
    return this.#names.get(sensor_id);
  }

  /** Is this sensor there? */
  of({ last_heard, left_at }: Pick<SensorRecord, 'last_heard' | 'left_at'>): Presence {
    const now = this.#now();
    const listens = now - this.#listened_at <= asleep_ns;
    // Where one sensor has spoken, any other that is there could have.
    const would_know = listens && (this.#has_heard || this.#listens_since <= now - unknown_after_ns);
    if (!would_know) return 'there';
    if (left_at !== undefined) return 'left';
    return last_heard > now - unknown_after_ns ? 'there' : 'silent';
  }
}
