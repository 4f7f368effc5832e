import { FaultError } from '../model/errors/fault.ts';
import type { AccountShare, AccountUsage } from '../model/account_usage.ts';
import type { LimitCounts } from '../model/limit_counts.ts';

/** What accounts may have at one time, and what has to be left of the disk. */
export class Quotas {
  /** What they have. */
  readonly usage: AccountUsage;
  readonly #limits: LimitCounts;
  readonly #freeBytes: () => number;

  /** @param freeBytes what is free on the disk of the data directory, as it was seen last */
  constructor(limits: LimitCounts, usage: AccountUsage, freeBytes: () => number) {
    this.usage = usage;
    this.#limits = limits;
    this.#freeBytes = freeBytes;
    for (const share of ['captures_kept', 'results_bytes', 'buckets_pending'] as const)
      limits.measure(share, () => usage.most(share));
    limits.measure('disk_free_bytes', freeBytes);
  }

  /** @throws {FaultError} `disk_floor` with so little free that nothing new is taken */
  requireDisk(): void {
    if (this.#freeBytes() >= this.#limits.values.disk_free_bytes) return;
    throw new FaultError([this.#limits.refuse('disk_free_bytes')]);
  }

  /** @throws {FaultError} `account_quota` where the account may have no more of it */
  requireShare(account_id: string, share: AccountShare): void {
    if (this.usage.of(account_id, share) < this.#limits.values[share]) return;
    throw new FaultError([this.#limits.refuse(share)]);
  }
}
