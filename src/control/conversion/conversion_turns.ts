import { FairTurns } from '../../model/fair_turns.ts';
import type { LimitCounts } from '../../model/limit_counts.ts';

/** Where a conversion writes to, and whose it is. */
export interface Target {
  readonly account_id: string;
  /** See `deliveryPlace`; of another account it is another place. */
  readonly place: string;
}

/** Whether a place took what was written into it last. */
type Standing = 'took' | 'failed';

/** Of so many places of an account it is remembered. */
const places_max = 1000;

/**
 * Turns of conversions, over accounts and places. A place that failed its last try, as one that says nothing does, waits with its like for a
 * few of the turns, and one that has taken nothing yet leaves one to those that have: so there is a turn for a place that works, however many
 * accounts have others.
 */
export class ConversionTurns {
  readonly #of_account: FairTurns;
  readonly #into_place: FairTurns;
  /** Those into places that are not known to work. */
  readonly #untried: FairTurns;
  readonly #failing: FairTurns;
  /** By account, the place that was told of longest ago first. */
  readonly #standings = new Map<string, Map<string, Standing>>();

  constructor(limits: LimitCounts) {
    const { conversions: total, conversions_failing: failing } = limits.values;
    const fewer = (by: number): number => Math.max(1, total - by);
    this.#of_account = new FairTurns({ total, per_owner: fewer(1) });
    this.#into_place = new FairTurns({ total: Number.POSITIVE_INFINITY, per_owner: fewer(2) });
    this.#untried = new FairTurns({ total: fewer(1), per_owner: fewer(2) });
    this.#failing = new FairTurns({ total: failing, per_owner: 1 });
    limits.measure('conversions', () => this.#of_account.running);
    limits.measure('conversions_failing', () => this.#failing.running);
  }

  /** Runs a try when its turn has come. */
  async take<T>(target: Target, run: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { account_id, place } = target;
    const account = async (): Promise<T> => await this.#of_account.take(account_id, run, none, signal);
    const inLane = async (): Promise<T> => {
      // Asked only now: those before it into this place may have failed.
      const lane = this.#laneOf(target);
      return lane === undefined ? await account() : await lane.take(account_id, account, none, signal);
    };
    return await this.#into_place.take(`${account_id} ${place}`, inLane, none, signal);
  }

  /** A try has ended so. */
  tell({ account_id, place }: Target, standing: Standing): void {
    const own = this.#standings.get(account_id) ?? new Map<string, Standing>();
    this.#standings.set(account_id, own);
    own.delete(place);
    own.set(place, standing);
    for (const oldest of own.keys()) {
      if (own.size <= places_max) break;
      own.delete(oldest);
    }
  }

  #laneOf({ account_id, place }: Target): FairTurns | undefined {
    const standing = this.#standings.get(account_id)?.get(place);
    if (standing === 'took') return undefined;
    return standing === 'failed' ? this.#failing : this.#untried;
  }
}

/** However many wait: their number is bounded by that of the captures. */
function none(): never {
  throw new TypeError('a conversion was refused its turn');
}
