import type { Bucket, Upload } from '../../bucket/bucket.ts';
import { captureById } from '../../db/captures.ts';
import { partsOf } from '../../db/parts.ts';
import { deleteUpload, stagedSumsOf, type UploadRecord, uploadsOf } from '../../db/uploads.ts';
import { type Fault, FaultError } from '../../model/errors/fault.ts';
import type { CaptureRecord } from '../../model/record.ts';
import type { CaptureEvent } from '../../plan/capture_event.ts';
import { type CaptureJobDeps, type CaptureJobs, createCaptureJobs } from '../captures/capture_jobs.ts';
import type { Keeper } from '../captures/keeper.ts';
import { Turns } from '../../model/turns.ts';
import type { CaptureBuckets } from '../delivery/capture_buckets.ts';
import { abandonUpload, rememberUpload } from '../delivery/clear_uploads.ts';
import { convert } from './convert.ts';

/** What conversion takes. */
export interface ConversionDeps extends CaptureJobDeps {
  readonly keeper: () => Keeper;
  readonly buckets: CaptureBuckets;
  readonly staging: Bucket;
  readonly application: string;
}

/** Each holds a few megabytes and a disk's attention. */
const conversions_at_once = 4;
const retry_first_ms = 500;
const retry_most_ms = 30_000;
/** No bucket answered for a day after the capture's end: it never will. */
const give_up_ns = 86_400_000_000_000n;

/** Makes parts into delivered files; what a bucket refuses is told to the user and tried again for a day. */
export function createConversionRunner(deps: ConversionDeps): CaptureJobs {
  const { db, keeper, buckets, staging, application } = deps;
  const turns = new Turns(conversions_at_once);

  const tell = async (capture_id: string, event: CaptureEvent): Promise<void> => {
    await keeper().take([{ capture_id, events: [event] }]);
  };

  /** Does this with every upload of the delivered file: those that an earlier try has left, or the one that is complete. */
  const forgetUploads = async (record: CaptureRecord, run: (upload: UploadRecord) => Promise<void>): Promise<void> => {
    for (const upload of await uploadsOf(db, record.id)) if (upload.place === 'bucket') await run(upload);
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
      const done = await convert(record, parts, sums, { staging, target, application, started, warn }, signal);
      await forgetUploads(record, async (upload) => await db.transaction(async (tx) => await deleteUpload(tx, upload)));
      await tell(captureId, { kind: 'converted', at: await db.now(), ...done });
      return true;
    } catch (error) {
      if (signal.aborted) return true;
      if (!(error instanceof FaultError)) throw error;
      const [fault] = error.faults;
      deps.warn(fault, `conversion of ${captureId}`);
      const record = await captureById(db, captureId);
      const at = await db.now();
      const over = fault.name === 'staged_damaged' || at > (record?.deadline ?? at) + give_up_ns;
      await tell(captureId, { kind: over ? 'convert_failed' : 'trouble', at, reason: fault.message });
      return over;
    }
  };

  return createCaptureJobs('conversion', deps, async (captureId, signal) => {
    for (let wait_ms = retry_first_ms; !signal.aborted; wait_ms = Math.min(2 * wait_ms, retry_most_ms)) {
      // Its turn is over while it waits: a bucket that is down holds up nobody else.
      if (await turns.take(async () => await tryOnce(captureId, signal))) return;
      await deps.sleep(wait_ms, signal);
    }
  });
}
