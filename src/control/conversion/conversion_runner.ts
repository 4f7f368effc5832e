import type { Bucket, Upload } from '../../bucket/bucket.ts';
import { captureById } from '../../db/captures.ts';
import type { Database } from '../../db/database.ts';
import { acquireLease, releaseLease } from '../../db/leases.ts';
import { partsOf } from '../../db/parts.ts';
import { deleteUpload, type UploadRecord, uploadsOf } from '../../db/uploads.ts';
import { type Fault, FaultError } from '../../model/errors/fault.ts';
import type { CaptureRecord } from '../../model/record.ts';
import type { CaptureEvent } from '../../plan/capture_event.ts';
import type { Keeper } from '../captures/keeper.ts';
import type { CaptureBuckets } from '../delivery/capture_buckets.ts';
import { abandonUpload, rememberUpload } from '../delivery/clear_uploads.ts';
import { convert } from './convert.ts';

/** Makes parts into delivered files, each capture's by one control at a time. */
export interface ConversionRunner {
  /** Begins the conversion of a capture, unless it is under way here or elsewhere. */
  begin(captureId: string): void;
  /** Gives up what is under way; it is begun again by the next control. */
  close(): Promise<void>;
}

/** What conversion takes. */
export interface ConversionDeps {
  readonly db: Database;
  readonly keeper: () => Keeper;
  readonly buckets: CaptureBuckets;
  readonly staging: Bucket;
  readonly application: string;
  /** Names this control in leases. */
  readonly holder: string;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  warn(fault: Fault, context: string): void;
  crash(error: unknown): void;
}

const lease_ns = 60_000_000_000n;
const retry_first_ms = 500;
const retry_most_ms = 30_000;
/** No bucket answered for a day after the capture's end: it never will. */
const give_up_ns = 86_400_000_000_000n;

/** Makes the runner of conversions. */
export function createConversionRunner(deps: ConversionDeps): ConversionRunner {
  const { db, keeper, buckets, staging, application } = deps;
  const underWay = new Map<string, Promise<void>>();
  const closing = new AbortController();

  const tell = async (capture_id: string, event: CaptureEvent): Promise<void> => {
    await keeper().take([{ capture_id, events: [event] }]);
  };

  /** Does this with every upload of the delivered file: those that an earlier try has left, or the one that is complete. */
  const forgetUploads = async (record: CaptureRecord, run: (upload: UploadRecord) => Promise<void>): Promise<void> => {
    for (const upload of await uploadsOf(db, record.id)) if (upload.place === 'bucket') await run(upload);
  };

  /** One try. True when there is nothing more to do. */
  const tryOnce = async (captureId: string): Promise<boolean> => {
    const lease = await acquireLease(db, `convert ${captureId}`, deps.holder, lease_ns);
    if (lease === undefined) return true;
    try {
      const record = await captureById(db, captureId);
      if (record?.status !== 'conversion_running') return true;
      const target = await buckets.ofCapture(record);
      const parts = await partsOf(db, captureId);
      await forgetUploads(record, async (upload) => await abandonUpload(deps, record, upload));
      const started = async (upload: Upload): Promise<void> => await rememberUpload(db, captureId, 'bucket', upload);
      const done = await convert(record, parts, { staging, target, application, started }, closing.signal);
      await forgetUploads(record, async (upload) => await db.transaction(async (tx) => await deleteUpload(tx, upload)));
      await tell(captureId, { kind: 'converted', at: await db.now(), ...done });
      return true;
    } catch (error) {
      if (closing.signal.aborted) return true;
      if (!(error instanceof FaultError)) throw error;
      const [fault] = error.faults;
      deps.warn(fault, `conversion of ${captureId}`);
      const record = await captureById(db, captureId);
      const at = await db.now();
      const over = at > (record?.deadline ?? at) + give_up_ns;
      await tell(captureId, { kind: over ? 'convert_failed' : 'trouble', at, reason: fault.message });
      return over;
    } finally {
      await releaseLease(db, lease);
    }
  };

  const run = async (captureId: string): Promise<void> => {
    for (let wait_ms = retry_first_ms; !closing.signal.aborted; wait_ms = Math.min(2 * wait_ms, retry_most_ms)) {
      if (await tryOnce(captureId)) return;
      await deps.sleep(wait_ms, closing.signal);
    }
  };

  return {
    begin: (captureId) => {
      if (underWay.has(captureId) || closing.signal.aborted) return;
      const running = run(captureId)
        .catch((error: unknown) => {
          // A database that fails: time begins it again.
          if (error instanceof FaultError) deps.warn(error.faults[0], `conversion of ${captureId}`);
          else deps.crash(error);
        })
        .finally(() => underWay.delete(captureId));
      underWay.set(captureId, running);
    },
    close: async () => {
      closing.abort();
      await Promise.all(underWay.values());
    },
  };
}
