import type { LimitCounts } from '../../model/limit_counts.ts';

/** What a sensor says of the shares of its spool. */
export interface ToldShares {
  /** How much of what it could have the account has that has most of that, in hundredths. */
  readonly used_percent: number;
  /** Captures that were ended because their account's share was used up, since the sensor's process began. */
  readonly refused: number;
}

/** Keeps what the sensors say of the shares of their spools, for the metrics. */
export class SpoolShares {
  readonly #limits: LimitCounts;
  readonly #told = new Map<string, ToldShares & { readonly epoch: string }>();

  constructor(limits: LimitCounts) {
    this.#limits = limits;
    limits.measure('spool_share', () => Math.max(0, ...[...this.#told.values()].map((one) => one.used_percent)));
  }

  /** Takes what a sensor says in a heartbeat; `epoch` tells its processes apart. */
  hear(sensor: string, epoch: string, told: ToldShares): void {
    const before = this.#told.get(sensor);
    const counted = before?.epoch === epoch ? before.refused : 0;
    for (let more = told.refused - counted; more > 0; more -= 1) this.#limits.count('spool_share');
    this.#told.set(sensor, { ...told, epoch });
  }
}
