import type { Bucket, Upload } from '../../bucket/bucket.ts';
import { captureById } from '../../db/captures.ts';
import { partsOf } from '../../db/parts.ts';
import { deleteUpload, stagedSumsOf, type UploadRecord, uploadsOf } from '../../db/uploads.ts';
import { type Fault, FaultError } from '../../model/errors/fault.ts';
import type { CaptureRecord } from '../../model/record.ts';
import type { CaptureEvent } from '../../plan/capture_event.ts';
import { type CaptureJobDeps, type CaptureJobs, createCaptureJobs } from '../captures/capture_jobs.ts';
import type { Keeper } from '../captures/keeper.ts';
import type { LimitCounts } from '../../model/limit_counts.ts';
import type { CaptureBuckets } from '../delivery/capture_buckets.ts';
import { abandonUpload, rememberUpload } from '../delivery/clear_uploads.ts';
import { convert } from './convert.ts';
import { ConversionTurns } from './conversion_turns.ts';
import { deliveryPlace } from './delivery_place.ts';
import { tellWhile } from './tell_while.ts';

/** What conversion takes. */
export interface ConversionDeps extends CaptureJobDeps {
  readonly keeper: () => Keeper;
  readonly buckets: CaptureBuckets;
  readonly staging: Bucket;
  readonly application: string;
  /** `conversions` counts. */
  readonly limits: LimitCounts;
}

const retry_first_ms = 500;
const retry_most_ms = 30_000;
/** What waits longer for its turn says so. */
const turn_awaited_ms = 2500;
/** Likewise what waits for its bucket. */
const bucket_awaited_ms = 5000;
/** No bucket answered for a day after the capture's end: it never will. */
const give_up_ns = 86_400_000_000_000n;

/**
 * Makes parts into delivered files, in turns over accounts and over the places that they go to: a bucket that says nothing holds up neither another
 * account nor, for long, another bucket. What a bucket refuses is told to the user and tried again for a day. */
export function createConversionRunner(deps: ConversionDeps): CaptureJobs {
  const { db, keeper, buckets, staging, application } = deps;
  // Each holds a few megabytes and a disk's attention.
  const turns = new ConversionTurns(deps.limits);

  const tell = async (capture_id: string, event: CaptureEvent): Promise<void> => {
    await keeper().take([{ capture_id, events: [event] }]);
  };
  const say = async (capture_id: string, reason: string): Promise<void> =>
    await tell(capture_id, { kind: 'trouble', at: await db.now(), reason });

  /** Runs a try when its turn has come, and says that it waits where that takes long. */
  const inTurn = async (captureId: string, signal: AbortSignal, run: () => Promise<boolean>): Promise<boolean> => {
    const record = await captureById(db, captureId);
    if (record?.spec.type !== 'full') return true;
    const { account_id, spec } = record;
    const place = deliveryPlace(spec.destination_conf);
    const begun = Promise.withResolvers<void>();
    let told = false;
    const waits = async (): Promise<void> => {
      told = true;
      await say(
        captureId,
        `It waits for its turn: as many conversions are under way as may be, of this account, into ${place} or in all (EDGETAP_CONVERSIONS), or into what fails (EDGETAP_CONVERSIONS_FAILING)`,
      );
    };
    const begin = async (): Promise<boolean> => {
      begun.resolve();
      await waiting;
      if (told) await say(captureId, `Its turn has come: it is being written into ${place}`);
      return await run();
    };
    const waiting = tellWhile(deps, turn_awaited_ms, waits, async () => await begun.promise);
    try {
      return await turns.take({ account_id, place }, begin, signal);
    } finally {
      begun.resolve();
      await waiting;
    }
  };

  /** The bucket, where it is told of what is written into it. */
  const watched = (target: Bucket, moved: () => void): Bucket => ({
    ...target,
    putStream: async (key, bytes, options) => await target.putStream(key, noting(bytes, moved), options),
  });

  /** Runs what writes into a bucket; says that it waits for that where nothing moves for long. */
  const watching = async <T>(captureId: string, target: Bucket, run: (target: Bucket) => Promise<T>): Promise<T> => {
    let moved = false;
    const tellStill = async (over: AbortSignal): Promise<void> => {
      for (; !over.aborted; await deps.sleep(bucket_awaited_ms, over)) {
        const reason = `It waits for ${target.destination}, which has taken nothing for ${bucket_awaited_ms / 1000} s`;
        if (!moved) return await say(captureId, reason);
        moved = false;
      }
    };
    return await tellWhile(
      deps,
      bucket_awaited_ms,
      tellStill,
      async () => await run(watched(target, () => (moved = true))),
    );
  };

  /** Does this with every upload of the delivered file: those that an earlier try has left, or the one that is complete. */
  const forgetUploads = async (record: CaptureRecord, run: (upload: UploadRecord) => Promise<void>): Promise<void> => {
    for (const upload of await uploadsOf(db, record.id)) if (upload.place === 'bucket') await run(upload);
  };

  /** What became of a try says whether its place waits with those that fail. */
  const took = ({ account_id, spec }: CaptureRecord, standing: 'took' | 'failed'): void => {
    if (spec.type === 'full') turns.tell({ account_id, place: deliveryPlace(spec.destination_conf) }, standing);
  };

  /** One try. True when there is nothing more to do. */
  const tryOnce = async (captureId: string, signal: AbortSignal): Promise<boolean> => {
    try {
      const record = await captureById(db, captureId);
      if (record?.status !== 'conversion_running') return true;
      const target = await buckets.ofCapture(record);
      const parts = await partsOf(db, captureId);
      await forgetUploads(record, async (upload) => await abandonUpload(deps, record, upload));
      const started = async (upload: Upload): Promise<void> => await rememberUpload(db, captureId, 'bucket', upload);
      const sums = await stagedSumsOf(db, captureId);
      const warn = (fault: Fault): void => deps.warn(fault, `conversion of ${captureId}`);
      const done = await watching(
        captureId,
        target,
        async (into) =>
          await convert(record, parts, sums, { staging, target: into, application, started, warn }, signal),
      );
      await forgetUploads(record, async (upload) => await db.transaction(async (tx) => await deleteUpload(tx, upload)));
      took(record, 'took');
      await tell(captureId, { kind: 'converted', at: await db.now(), ...done });
      return true;
    } catch (error) {
      if (signal.aborted) return true;
      if (!(error instanceof FaultError)) throw error;
      const [fault] = error.faults;
      deps.warn(fault, `conversion of ${captureId}`);
      const record = await captureById(db, captureId);
      if (record !== undefined && fault.name !== 'staged_damaged') took(record, 'failed');
      const at = await db.now();
      const over = fault.name === 'staged_damaged' || at > (record?.deadline ?? at) + give_up_ns;
      await tell(captureId, { kind: over ? 'convert_failed' : 'trouble', at, reason: fault.message });
      return over;
    }
  };

  return createCaptureJobs('conversion', deps, async (captureId, signal) => {
    for (let wait_ms = retry_first_ms; !signal.aborted; wait_ms = Math.min(2 * wait_ms, retry_most_ms)) {
      // Its turn is over while it waits: a bucket that is down holds up nobody else.
      try {
        if (await inTurn(captureId, signal, async () => await tryOnce(captureId, signal))) return;
      } catch (error) {
        // Given up while it waited for its turn.
        if (signal.aborted) return;
        throw error;
      }
      await deps.sleep(wait_ms, signal);
    }
  });
}

async function* noting(bytes: AsyncIterable<Uint8Array>, moved: () => void): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of bytes) {
    moved();
    yield chunk;
  }
}
