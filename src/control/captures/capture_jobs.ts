import type { Database, Queries, Transaction } from '../../db/database.ts';
import { acquireLease, type Lease, releaseLease, renewLease } from '../../db/leases.ts';
import { type Fault, FaultError } from '../../model/errors/fault.ts';

/** Work on captures, of which each capture's is done by one control at a time. */
export interface CaptureJobs {
  /** Begins a capture's, unless it is under way here or elsewhere; under `lease`, where that was claimed before. */
  begin(captureId: string, lease?: Lease): void;
  /** Takes the lease of a capture's work in the transaction that makes the work: `begin` is to have it once that has committed. */
  claim(tx: Transaction, captureId: string): Promise<Lease | undefined>;
  /** Ends what is under way for a capture that is over. */
  end(captureId: string): void;
  /** Gives up what is under way; it is begun again by the next control. */
  close(): Promise<void>;
}

/** What every kind of work on captures takes. */
export interface CaptureJobDeps {
  readonly db: Database;
  /** Names this control in leases. */
  readonly holder: string;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  warn(fault: Fault, context: string): void;
  crash(error: unknown): void;
}

/** What a job runs under. */
export interface JobLease {
  readonly lease: Lease;
  /** To be set by the job once it has committed that the lease is given back. */
  released: boolean;
}

const lease_ns = 60_000_000_000n;
const renew_ms = 20_000;

/**
 * Makes the jobs of one kind. Each runs under a lease that is renewed while it runs; its signal fires when the lease went
 * to another control, or on `close`. A fault that a job throws is told; the capture's next tick begins it again.
 */
export function createCaptureJobs(
  kind: string,
  deps: CaptureJobDeps,
  run: (captureId: string, signal: AbortSignal, own: JobLease) => Promise<void>,
): CaptureJobs {
  const { db } = deps;
  const underWay = new Map<string, Promise<void>>();
  const closing = new AbortController();
  const ends = new Map<string, AbortController>();

  const renew = async (lease: Lease, lost: AbortController, done: AbortSignal): Promise<void> => {
    while (!done.aborted) {
      await deps.sleep(renew_ms, done);
      if (!done.aborted && (await renewLease(db, lease, lease_ns)) === undefined) return lost.abort();
    }
  };

  const acquire = async (queries: Queries, captureId: string): Promise<Lease | undefined> =>
    await acquireLease(queries, `${kind} ${captureId}`, deps.holder, lease_ns);

  const work = async (captureId: string, claimed: Lease | undefined): Promise<void> => {
    const lease = claimed ?? (await acquire(db, captureId));
    if (lease === undefined) return;
    const own: JobLease = { lease, released: false };
    const [lost, done] = [new AbortController(), new AbortController()];
    ends.set(captureId, lost);
    const renewing = renew(lease, lost, done.signal);
    renewing.catch(() => lost.abort()); // a database that fails: what is not renewed is not held
    try {
      await run(captureId, AbortSignal.any([closing.signal, lost.signal]), own);
    } finally {
      done.abort();
      ends.delete(captureId);
      await renewing.catch(() => undefined);
      if (!own.released) await releaseLease(db, lease);
    }
  };

  return {
    claim: acquire,
    begin: (captureId, lease) => {
      if (underWay.has(captureId) || closing.signal.aborted) return;
      const running = work(captureId, lease)
        .catch((error: unknown) => {
          if (error instanceof FaultError) deps.warn(error.faults[0], `${kind} ${captureId}`);
          else deps.crash(error);
        })
        .finally(() => underWay.delete(captureId));
      underWay.set(captureId, running);
    },
    end: (captureId) => ends.get(captureId)?.abort(),
    close: async () => {
      closing.abort();
      await Promise.all(underWay.values());
    },
  };
}
