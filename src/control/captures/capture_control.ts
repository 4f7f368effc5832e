import type { Bucket } from '../../bucket/bucket.ts';
import { captureOf, deleteCapture, listCaptures } from '../../db/captures.ts';
import type { Database } from '../../db/database.ts';
import { partsOfMany } from '../../db/parts.ts';
import type { Capture } from '../../model/capture.ts';
import { FaultError, fault, raise } from '../../model/errors/fault.ts';
import { FairTurns } from '../../model/fair_turns.ts';
import type { CaptureRecord } from '../../model/record.ts';
import { isFinal } from '../../model/status.ts';
import { formatTime } from '../../model/time.ts';
import type { Actor } from '../audit.ts';
import type { Caller, CaptureControl, Download } from '../control.ts';
import type { CaptureBuckets } from '../delivery/capture_buckets.ts';
import { resultName } from '../delivery/place_of.ts';
import { forgetUsed } from './forget_used.ts';
import type { CaptureChanges } from './capture_changes.ts';
import { captureView } from './capture_view.ts';
import type { DownloadAudit } from './download_audit.ts';
import { CheckedVersions } from './checked_versions.ts';
import { type CreateDeps, createCapture } from './create_capture.ts';
import type { Keeper } from './keeper.ts';
import { createDownloadSeats, type SeatDownload } from './download_seats.ts';
import { KeptContent } from './kept_content.ts';
import { knownViews } from './known_views.ts';
import { openDelivered } from './open_delivered.ts';
import { openResult, type ResultChecking } from './open_result.ts';

/** What serving captures takes. */
export interface CaptureControlDeps extends Omit<CreateDeps, 'inTurn'> {
  readonly keeper: Keeper;
  readonly buckets: CaptureBuckets;
  /** Where the files of simple captures are kept. */
  readonly results: Bucket;
  /** How long after their end results are kept. */
  readonly keep_ns: bigint;
  readonly changes: CaptureChanges;
  readonly downloads: DownloadAudit;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Ends what is under way for a capture that is over. */
  endWork(captureId: string): void;
}

/**
 * Who asks for a look-back that has not ended waits for a change, and so need not ask again at once; so long at most. One up to now
 * takes 100 to 300 ms, for its last packets to become visible.
 */
const hold_ms = 500;

/** The captures of accounts, as the API asks for them. */
export function createCaptureControl(deps: CaptureControlDeps): CaptureControl {
  const { db, limits } = deps;
  const findView = knownViews(db);
  const kept = new KeptContent();
  const checked = new CheckedVersions(limits);
  // What takes a millisecond or more of this thread: each account has so many of them between those of the others.
  const { requests: per_owner, requests_waiting: waiting_per_owner } = limits.values;
  const turns = new FairTurns({ total: Number.POSITIVE_INFINITY, per_owner, waiting_per_owner });
  limits.measure('requests', () => turns.most_running);
  limits.measure('requests_waiting', () => turns.most_waiting);
  const full = (): never => {
    throw new FaultError([limits.refuse('requests_waiting')]);
  };
  const inTurn = async <T>(account_id: string, work: () => Promise<T>): Promise<T> =>
    await turns.take(account_id, work, full);
  const seat = createDownloadSeats(limits);
  const creating: CreateDeps = { ...deps, inTurn };
  return {
    create: async (by, body, repeat) => await createCapture(creating, by, body, repeat),
    list: async (by, query) => await inTurn(by.account_id, async () => await list(db, by, query)),
    get: async (by, id) => {
      const look = async (): Promise<Capture> => (await findView(by.account_id, id)) ?? unknown();
      const first = await look();
      if (first.spec.type === 'full' || isFinal(first.status)) return first;
      const over = new AbortController();
      const held = deps.sleep(hold_ms, over.signal).then(() => over.abort());
      try {
        for (;;) {
          const changed = deps.changes.next(id, over.signal);
          // It may have changed while it was read; what else happens to it, such as that time passes, is not worth an answer.
          const now = await look();
          if (now.status !== first.status || over.signal.aborted) return now;
          await changed;
        }
      } finally {
        over.abort();
        await held;
      }
    },
    stop: async (by, id) => {
      const record = await find(db, by, id);
      if (record.spec.type === 'simple') raise('not_stoppable');
      if (isFinal(record.status) || record.stop_requested !== undefined) return;
      const actor = actorOf(by);
      const at = await db.now();
      await deps.keeper.take(
        [{ capture_id: id, events: [{ kind: 'stop', at, cause: 'stopped' }] }],
        async (tx, states) => {
          // Where capturing is over, or another stop was quicker, this one has changed nothing.
          if (states.get(id)?.record.stop_requested !== at) return;
          const entry = { action: 'capture.stop', subject: id, detail: `while ${record.status}` } as const;
          await deps.audit.write(tx, actor, entry);
        },
      );
    },
    discard: async (by, id) => {
      const record = await find(db, by, id);
      if (!isFinal(record.status)) await discardUnfinished(deps, by, record);
      else if (record.spec.type === 'simple') await removeLookback(deps, by, record);
    },
    download: async (by, id) => await download(deps, seat, by, await find(db, by, id), { checked, kept }),
  };
}

async function list(
  db: Database,
  by: Caller,
  query: Parameters<CaptureControl['list']>[1],
): ReturnType<CaptureControl['list']> {
  const { before: id, ...asked } = query;
  const before = id === undefined ? undefined : await captureOf(db, by.account_id, id);
  if (id !== undefined && before === undefined) {
    const expected = 'the id of a capture of this account';
    raise('parameter_invalid', { name: 'before', expected }, { pointer: '/before' });
  }
  const { records, total } = await listCaptures(db, { account_id: by.account_id, ...asked, before });
  const parts = await partsOfMany(
    db,
    records.map((record) => record.id),
  );
  return {
    captures: records.map((record) => captureView(record, parts.get(record.id) ?? [], db.clock)),
    total_count: total,
  };
}

async function discardUnfinished(deps: CaptureControlDeps, by: Caller, record: CaptureRecord): Promise<void> {
  const { id, status } = record;
  const { message: reason } = fault('capture_discarded');
  const at = await deps.db.now();
  await deps.keeper.take([{ capture_id: id, events: [{ kind: 'discard', at, reason }] }], async (tx, states) => {
    // What had ended meanwhile has its own end.
    if (states.get(id)?.record.ended_at !== at) return;
    const entry = { action: 'capture.discard', subject: id, detail: `while ${status}` } as const;
    await deps.audit.write(tx, actorOf(by), entry);
  });
  deps.endWork(id);
}

async function removeLookback(deps: CaptureControlDeps, by: Caller, record: CaptureRecord): Promise<void> {
  await deps.results.removeObject(resultName(record));
  await deps.db.transaction(async (tx) => {
    await deleteCapture(tx, record.id);
    const entry = { action: 'capture.discard', subject: record.id, detail: record.status } as const;
    await deps.audit.write(tx, actorOf(by), entry);
  });
  forgetUsed(deps.quotas.usage, record);
}

function actorOf({ account_id, principal, address }: Caller): Actor {
  return { account_id, principal_id: principal.id, address };
}

async function find(db: Database, by: Caller, id: string): Promise<CaptureRecord> {
  return (await captureOf(db, by.account_id, id)) ?? unknown();
}

function unknown(): never {
  return raise('not_found', { what: 'capture' });
}

async function download(
  deps: CaptureControlDeps,
  seat: SeatDownload,
  by: Caller,
  record: CaptureRecord,
  knowing: Omit<ResultChecking, 'account_id'>,
): Promise<Download> {
  const { status, spec, ended_at, size_bytes, sha256 } = record;
  if (status === 'failed') raise('result_none', { reason: record.error_message ?? 'it is not known why' });
  if (!isFinal(status)) raise(endIsFar(record) ? 'result_running' : 'result_not_ready', { status });
  if (ended_at === undefined || size_bytes === undefined || sha256 === undefined) {
    return raise('result_none', { reason: 'its size is not known' });
  }
  if ((await deps.db.now()) > ended_at + deps.keep_ns && spec.type === 'simple') {
    raise('result_expired', { until: formatTime(deps.db.clock.toWall(ended_at + deps.keep_ns)) });
  }
  const bucket =
    spec.type === 'simple'
      ? deps.results
      : await readable(spec.destination_conf, async () => await deps.buckets.ofCapture(record));
  const filename = resultName(record);
  const known = { filename, size_bytes, sha256 };
  const checking = { account_id: record.account_id, ...knowing };
  return {
    filename,
    media_type: spec.format === 'pcap' ? 'application/vnd.tcpdump.pcap' : 'application/x-pcapng',
    size_bytes: Number(size_bytes),
    etag: `"${sha256}"`,
    last_modified: deps.db.clock.toWall(ended_at),
    open: async (range) => {
      const body = await seat(actorOf(by), async () =>
        spec.type === 'simple'
          ? await openResult(bucket, known, range, checking)
          : await readable(spec.destination_conf, async () => await openDelivered(bucket, known, range, checking)),
      );
      try {
        await deps.downloads.note(actorOf(by), record.id, filename);
        return body;
      } catch (error) {
        body.destroy();
        throw error;
      }
    },
  };
}

/** Runs a step that reads a user's bucket: whatever keeps it from that is the bucket's affair, and is told. */
async function readable<T>(destination: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    const [{ name, message }] = error.faults;
    if (
      name === 'bucket_read_failed' ||
      name === 'delivered_changed' ||
      name === 'secret_key_invalid' ||
      name === 'database_failed'
    )
      throw error;
    return raise('bucket_read_failed', { destination, reason: message.replace(/\.$/, '') }, { cause: error });
  }
}

/** Nobody knows when a full capture that may still be capturing will end; everything else is a matter of moments. */
function endIsFar({ spec, status }: CaptureRecord): boolean {
  return spec.type === 'full' && ['pending', 'running', 'unknown'].includes(status);
}
