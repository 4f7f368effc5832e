import type { Bucket } from '../bucket/bucket.ts';
import type { ControlBus } from '../bus/bus.ts';
import { unfinishedCaptures } from '../db/captures.ts';
import type { Database } from '../db/database.ts';
import { type Fault, FaultError, fault } from '../model/errors/fault.ts';
import type { LimitCounts } from '../model/limit_counts.ts';
import type { MachineTimes } from '../plan/machine_times.ts';
import type { Authenticator } from './accounts/authenticator.ts';
import type { RandomBytes } from './audit.ts';
import type { AuditBook } from './audit_book.ts';
import { CaptureChanges } from './captures/capture_changes.ts';
import { createCaptureControl } from './captures/capture_control.ts';
import type { CheckFilter } from './captures/check_filter.ts';
import { DownloadAudit } from './captures/download_audit.ts';
import { createKeeper } from './captures/keeper.ts';
import type { Control } from './control.ts';
import { RefusalRate } from './creates/refusal_rate.ts';
import { createConversionRunner } from './conversion/conversion_runner.ts';
import { createCaptureBuckets } from './delivery/capture_buckets.ts';
import { createPartDelivery } from './delivery/part_delivery.ts';
import { createEstimates } from './estimate/estimates.ts';
import { tryWriting } from '../db/try_writing.ts';
import { FleetWatch } from './fleet/fleet_watch.ts';
import { SpoolShares } from './fleet/spool_shares.ts';
import { sayGoodBye } from './fleet/say_good_bye.ts';
import { answerSensor } from './fleet/answer_sensor.ts';
import { createLookbackRunner } from './lookback/lookback_runner.ts';
import { createMetrics } from './metrics.ts';
import type { Ownerships } from './ownership/ownerships.ts';
import type { Quotas } from './quotas.ts';
import { createPastRunner } from './past/past_runner.ts';
import { type HostPart, readReadiness } from './readiness.ts';
import { createSetAside, type SetAside } from './set_aside.ts';

/** What a control is made of; main builds it all. */
export interface ControlParts {
  readonly db: Database;
  readonly bus: ControlBus;
  readonly authenticator: Authenticator;
  readonly ownerships: Ownerships;
  /** Opens the bucket of an ownership with the account's credentials. */
  readonly openOwnership: (ownershipId: string) => Promise<Bucket>;
  readonly results: Bucket;
  /** What is kept for a person to look at; one of its own by default. */
  readonly aside?: SetAside;
  readonly staging: Bucket;
  readonly checkFilter: CheckFilter;
  readonly random: RandomBytes;
  readonly audit: AuditBook;
  readonly limits: LimitCounts;
  readonly quotas: Quotas;
  readonly packets_max: number;
  readonly keep_ns: bigint;
  readonly times: MachineTimes;
  /** Name and version, for files that have a place for it. */
  readonly application: string;
  /** Names this process in leases. */
  readonly holder: string;
  /** Milliseconds that never go back. */
  readonly monotonic: () => number;
  /** Returns early, and does not throw, when the signal fires. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** The operator is told. */
  warn(fault: Fault, context: string): void;
  /** The sensors that belong to it. */
  readonly sensors: readonly string[];
  /** What the host knows of the parts of edgetap. */
  readonly host: readonly HostPart[];
  /** Lines of the log that could not be written so far. */
  linesDropped(): number;
  /** A defect: the process must not go on. */
  crash(error: unknown): void;
}

/** A control at work. */
export interface RunningControl {
  readonly control: Control;
  /**
   * Ends every full capture that runs as `complete`, reason shutdown, and waits until their files are delivered, at most
   * `patience_ms`; what is not delivered by then goes on at the next start. When `unreachable` fires the sensors are gone:
   * nothing is ended then, and nothing awaited. Gives why it waits no longer.
   */
  shutDown(patience_ms: number, unreachable: AbortSignal): Promise<'finished' | 'patience_over' | 'hurried'>;
  /** Stops all work. */
  close(): Promise<void>;
}

const tick_ms = 1000;
/** How often what could not be cleared up is tried again. */
const clear_ms = 60_000;
const buckets_open_max = 64;

/** Starts a control: answers sensors, keeps captures, takes up what an earlier process left. */
export function startControl(parts: ControlParts): RunningControl {
  const { db, bus } = parts;
  const metrics = createMetrics(db, parts.limits, () => parts.linesDropped());
  const closing = new AbortController();
  const aside = parts.aside ?? createSetAside();
  let refusing: string | undefined;
  const warn = (fault: Fault, context: string): void => {
    metrics.countWarning(fault.name);
    parts.warn(fault, context);
  };
  const watch = new FleetWatch(() => db.clock.now());
  const buckets = createCaptureBuckets(db, parts.openOwnership, buckets_open_max);
  const shares = new SpoolShares(parts.limits);
  const refusals = new RefusalRate(parts.limits, parts.monotonic);
  const shared = { ...parts, warn, watch, buckets, refusals, keeper: () => keeper };
  const conversions = createConversionRunner(shared);
  const lookbacks = createLookbackRunner({ ...shared, usage: parts.quotas.usage });
  const pasts = createPastRunner(shared);
  const delivery = createPartDelivery(shared);
  const clearUp = async (run: () => Promise<void>): Promise<void> => {
    try {
      await run();
    } catch (error) {
      if (!(error instanceof FaultError)) return parts.crash(error);
      warn(error.faults[0], 'clearing up');
    }
  };
  const changes = new CaptureChanges();
  const keeper = createKeeper(
    db,
    {
      nudge: (sensor, generation) => bus.nudge(sensor, generation),
      convert: (captureId) => conversions.begin(captureId),
      lookback: (captureId) => lookbacks.begin(captureId),
      past: (captureId) => pasts.begin(captureId),
      discard: (captureId) => void clearUp(async () => await delivery.discard(captureId)),
    },
    parts.times,
    changes,
    parts.limits,
  );
  const downloads = new DownloadAudit(parts);
  const captures = createCaptureControl({
    ...shared,
    downloads,
    keeper,
    changes,
    endWork: (captureId) => {
      for (const jobs of [conversions, lookbacks, pasts]) jobs.end(captureId);
    },
    refusal: () => refusing,
    ahead: (record, sensors) => lookbacks.askAhead(record, sensors),
    claim: async (tx, { id, spec }) => (spec.type === 'simple' ? await lookbacks.claim(tx, id) : undefined),
    begun: (record, generations, lease) => {
      for (const [sensor, generation] of generations) bus.nudge(sensor, generation);
      if (record.spec.type === 'simple') lookbacks.begin(record.id, lease);
    },
  });

  const estimates = createEstimates({ ...shared, refusal: () => refusing, closing: closing.signal });

  const malformed = (sensor: string, what: string): void => {
    const why = fault('message_refused', { sensor, what, reason: 'it has another shape' });
    if (aside.note(`message of ${sensor}: ${what}`, why)) warn(why, `a message of ${sensor}`);
  };
  bus.serve(async (request) => {
    try {
      return await answerSensor({ db, keeper, delivery, watch, aside, shares, warn }, request);
    } catch (error) {
      if (!(error instanceof FaultError)) parts.crash(error);
      throw error;
    }
  }, malformed);

  const ticking = (async (): Promise<void> => {
    while (!closing.signal.aborted) {
      watch.listen();
      try {
        for (const by_ns of await db.clock.keep())
          warn(fault('clock_set', { by_s: (Number(by_ns) / 1e9).toFixed(3) }), 'the clock');
        await keeper.tick();
        await downloads.flush();
      } catch (error) {
        if (!(error instanceof FaultError)) throw error;
        warn(error.faults[0], 'letting time pass');
      }
      await tryWriting(db);
      await parts.sleep(tick_ms, closing.signal);
    }
  })();
  ticking.catch((error: unknown) => parts.crash(error));

  const clearing = (async (): Promise<void> => {
    while (!closing.signal.aborted) {
      await clearUp(async () => await delivery.discardLeft(closing.signal));
      await parts.sleep(clear_ms, closing.signal);
    }
  })();

  const control: Control = {
    authenticate: async (credentials) => await parts.authenticator.authenticate(credentials),
    verifyToken: async (principal) => await parts.authenticator.verifyToken(principal),
    accounts: async (principal) => await parts.authenticator.accounts(principal),
    captures,
    estimates,
    ownerships: parts.ownerships,
    readiness: async () =>
      await readReadiness({
        db,
        expected: parts.sensors,
        refusing: () => refusing,
        setAside: () => aside.reasons(),
        host: parts.host,
      }),
    metrics: async () => await metrics.text(),
  };

  return {
    control,
    shutDown: async (patience_ms, unreachable) => {
      refusing = 'it is shutting down';
      if (unreachable.aborted) return 'hurried';
      const at = await db.now();
      const running = (await unfinishedCaptures(db)).filter((record) => record.spec.type === 'full');
      await keeper.take(
        running.map((record) => ({ capture_id: record.id, events: [{ kind: 'stop', at, cause: 'shutdown' }] })),
      );
      const until = parts.monotonic() + patience_ms;
      while ((await unfinishedCaptures(db)).length > 0) {
        if (unreachable.aborted) return 'hurried';
        if (parts.monotonic() >= until) return 'patience_over';
        await parts.sleep(50, unreachable);
      }
      return 'finished';
    },
    close: async () => {
      closing.abort();
      await Promise.all([conversions.close(), lookbacks.close(), pasts.close(), ticking, clearing]);
      await parts.authenticator.flushUses();
      await clearUp(async () => await downloads.flush());
      await bus.close();
      await sayGoodBye(db, watch, warn);
    },
  };
}
