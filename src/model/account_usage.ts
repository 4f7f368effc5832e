/** What accounts use of what they share: counted here, so that nobody has to ask the database for it. */
export type AccountShare = 'captures_kept' | 'results_bytes' | 'buckets_pending';

/** Counts what each account uses of each share. */
export class AccountUsage {
  readonly #used: Readonly<Record<AccountShare, Map<string, number>>> = {
    captures_kept: new Map(),
    results_bytes: new Map(),
    buckets_pending: new Map(),
  };

  /** What an account uses. */
  of(account_id: string, share: AccountShare): number {
    return this.#used[share].get(account_id) ?? 0;
  }

  /** What the account uses that uses most. */
  most(share: AccountShare): number {
    return [...this.#used[share].values()].reduce((most, used) => Math.max(most, used), 0);
  }

  /** An account uses so much more, or less. */
  add(account_id: string, share: AccountShare, amount: number): void {
    const used = this.of(account_id, share) + amount;
    // An account that uses nothing is not remembered.
    if (used <= 0) this.#used[share].delete(account_id);
    else this.#used[share].set(account_id, used);
  }
}
