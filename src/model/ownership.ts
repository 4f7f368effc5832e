import type { TimeNs } from './time.ts';

/** A bucket of an account, and whether the account has proved to own it. */
export interface Ownership {
  readonly id: string;
  readonly account_id: string;
  /** Canonical and without secrets. */
  readonly destination_conf: string;
  /** Name of the challenge object in the bucket. */
  readonly filename: string;
  readonly status: 'pending' | 'success';
  readonly submitted: TimeNs;
  readonly validated?: TimeNs;
}
