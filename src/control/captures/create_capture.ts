import type { Database, Transaction } from '../../db/database.ts';
import { hasOthers } from '../../db/accounts.ts';
import { insertCapture, captureById } from '../../db/captures.ts';
import { claimCreate, type CreateAttempt, rememberRefusal, retryFindsOlder } from '../../db/creates.ts';
import type { Lease } from '../../db/leases.ts';
import { ownershipOf } from '../../db/ownerships.ts';
import { insertParts, partsCaptured, partsOf } from '../../db/parts.ts';
import { bumpGeneration, type SensorRecord } from '../../db/sensors.ts';
import type { CaptureSpec } from '../../model/capture.ts';
import { FaultError, fault, kindOf, raise } from '../../model/errors/fault.ts';
import type { LimitCounts } from '../../model/limit_counts.ts';
import { idFrom } from '../../model/id.ts';
import { largestFileBytes, pieceSize } from '../../model/piece_size.ts';
import type { CaptureRecord, PartRecord } from '../../model/record.ts';
import type { TimeNs } from '../../model/time.ts';
import { chooseDelivery, chooseParts } from '../../plan/choose_parts.ts';
import { ringRoom } from '../../plan/ring_room.ts';
import type { RandomBytes } from '../audit.ts';
import type { AuditBook } from '../audit_book.ts';
import type { Caller, Created, Rate, Repeat } from '../control.ts';
import type { Quotas } from '../quotas.ts';
import type { CaptureBuckets } from '../delivery/capture_buckets.ts';
import { type Admission, admitCreate, attemptOf, findRepeat, hasRoom } from '../creates/admit_create.ts';
import type { RefusalRate } from '../creates/refusal_rate.ts';
import { bodyHash } from '../creates/body_hash.ts';
import { membersSince } from '../fleet/members.ts';
import { captureView } from './capture_view.ts';
import { requireShare } from './require_share.ts';
import { checkCapture, type CheckDeps, type Checked } from './check_capture.ts';

/** What creating captures takes. */
export interface CreateDeps extends CheckDeps {
  readonly random: RandomBytes;
  readonly audit: AuditBook;
  readonly limits: LimitCounts;
  readonly refusals: RefusalRate;
  readonly quotas: Quotas;
  readonly buckets: CaptureBuckets;
  /** Why no capture can be made at the moment, if so. */
  refusal(): string | undefined;
  /** Does it when it is the account's turn: for what holds up others. */
  inTurn<T>(account_id: string, work: () => Promise<T>): Promise<T>;
  /**
   * A capture is about to be made of these sensors: begins what can be given up again. Returns how to, should it not be made.
   */
  ahead(record: CaptureRecord, sensors: readonly SensorRecord[]): () => void;
  /** Claims the work that a new capture makes at once, in the transaction that makes the capture; undefined where there is none. */
  claim(tx: Transaction, record: CaptureRecord): Promise<Lease | undefined>;
  /** A capture was made: sees to it that it begins, with what was claimed. */
  begun(record: CaptureRecord, generations: ReadonlyMap<string, bigint>, lease: Lease | undefined): void;
}

/** Makes a capture of a request, or answers with the one that it repeats. See `CaptureControl.create`. */
export async function createCapture(deps: CreateDeps, by: Caller, body: unknown, repeat: Repeat): Promise<Created> {
  const { db } = deps;
  const received_at = await db.now();
  // One moment by both clocks: what is shown as submitted is the offset_time of a look-back of now.
  const wall = db.clock.toWall(received_at);
  const body_hash = bodyHash(body);
  const attemptAt = (at: TimeNs): CreateAttempt =>
    attemptOf({ principal: by.principal, repeat, body_hash, received_at, at });
  const earlier = await findRepeat(db, attemptAt(await db.now()), deps.limits);
  if (earlier !== undefined) return await repeated(db, earlier.capture_id, earlier.rate);
  try {
    const { refusals } = deps;
    const { id } = by.principal;
    const create = async (): Promise<Created> => await createNew(deps, by, body, { received_at, wall }, attemptAt);
    const created = await refusals.guard(id, create);
    if (!created.ok) refusals.count(id);
    return created;
  } catch (error) {
    if (mayComeAgain(error)) await remember(db, attemptAt, isRefusedUnseen(error));
    throw error;
  }
}

/** Was it refused for the number of refusals before it? There may be thousands of such a second, and a write for each would stop all others. */
function isRefusedUnseen(error: unknown): boolean {
  return error instanceof FaultError && error.faults[0].name === 'refusals_limited';
}

/** Is it edgetap that failed, or its time that has not come? Then the client sends it again and is to get a new capture, not that of an older create. */
function mayComeAgain(error: unknown): boolean {
  if (!(error instanceof FaultError)) return true;
  const { status } = kindOf(error.faults[0]);
  return status >= 500 || status === 429;
}

/** Remembers that this create was refused. A database that fails again has nothing to add to what failed first. */
async function remember(
  db: Database,
  attemptAt: (at: TimeNs) => CreateAttempt,
  only_if_it_matters: boolean,
): Promise<void> {
  try {
    if (only_if_it_matters && !(await retryFindsOlder(db, attemptAt(await db.now())))) return;
    await db.transaction(async (tx) => await rememberRefusal(tx, attemptAt(await tx.now())));
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
  }
}

async function createNew(
  deps: CreateDeps,
  by: Caller,
  body: unknown,
  { received_at, wall }: { readonly received_at: TimeNs; readonly wall: TimeNs },
  attemptAt: (at: TimeNs) => CreateAttempt,
): Promise<Created> {
  const { db } = deps;
  const refusal = deps.refusal();
  if (refusal !== undefined) raise('unavailable', { what: 'edgetap', reason: refusal });
  const { quotas } = deps;
  quotas.requireDisk();
  quotas.requireShare(by.account_id, 'captures_kept');
  // What is refused by its rate costs no look at it.
  if (!(await hasRoom(db, attemptAt(await db.now()), deps.limits))) {
    const over = await refuseOver(deps, attemptAt);
    if (over !== undefined) return over;
  }
  const checked = await checkCapture(deps, by, body, wall);
  return await deps.inTurn(by.account_id, async () => await make(deps, by, checked, received_at, attemptAt));
}

/** Makes a capture of a request that is good. */
async function make(
  deps: CreateDeps,
  by: Caller,
  checked: Checked<CaptureSpec>,
  received_at: TimeNs,
  attemptAt: (at: TimeNs) => CreateAttempt,
): Promise<Created> {
  const { db, quotas } = deps;
  const { record, parts } = plan(deps, by, checked, received_at);
  if (record.spec.type === 'simple') quotas.requireShare(by.account_id, 'results_bytes');
  await requireAllowed(deps, record);
  const giveUp = deps.ahead(record, checked.fleet);
  const made = await write(deps, by, record, parts, checked.fleet, attemptAt).catch((error: unknown) => {
    giveUp();
    throw error;
  });
  if (made.kind !== 'new') giveUp();
  if (made.kind === 'refused') return { ok: false, fault: made.fault, rate: made.rate };
  if (made.kind === 'repeat') return await repeated(db, made.capture_id, made.rate);
  quotas.usage.add(by.account_id, 'captures_kept', 1);
  deps.begun(record, made.generations, made.lease);
  return { ok: true, capture: captureView(record, parts, db.clock), rate: made.rate };
}

/** Refuses a create whose token has used up its rate, or answers with what it repeats; undefined where there is room after all. */
async function refuseOver(
  { db, limits }: CreateDeps,
  attemptAt: (at: TimeNs) => CreateAttempt,
): Promise<Created | undefined> {
  const admission = await db.transaction(async (tx) => {
    const attempt = attemptAt(await tx.now());
    const decided = await admitCreate(tx, attempt, 'simple', limits);
    if (decided.kind === 'refused') await rememberRefusal(tx, attempt);
    return decided;
  });
  if (admission.kind === 'refused') return { ok: false, fault: admission.fault, rate: admission.rate };
  return admission.kind === 'repeat' ? await repeated(db, admission.capture_id, admission.rate) : undefined;
}

/** What became of a capture that was to be written down. */
type Written =
  | Exclude<Admission, { kind: 'new' }>
  | (Extract<Admission, { kind: 'new' }> & {
      readonly generations: ReadonlyMap<string, bigint>;
      readonly lease: Lease | undefined;
    });

/** Writes a capture down, unless it must not be made, or was. */
async function write(
  deps: CreateDeps,
  by: Caller,
  record: CaptureRecord,
  parts: readonly PartRecord[],
  fleet: readonly SensorRecord[],
  attemptAt: (at: TimeNs) => CreateAttempt,
): Promise<Written> {
  return await deps.db.transaction(async (tx) => {
    const attempt = attemptAt(await tx.now());
    const admission = await admitCreate(tx, attempt, record.spec.type, deps.limits);
    if (admission.kind === 'refused') {
      await rememberRefusal(tx, attempt);
      return admission;
    }
    if (admission.kind === 'repeat') return admission;
    await requireBucket(tx, by, record.spec);
    await requireRings(tx, deps.limits, by.account_id, parts, fleet);
    await insertCapture(tx, record);
    await insertParts(tx, parts);
    await claimCreate(tx, attempt, record.id);
    await audit(tx, deps, by, record);
    const generations = await bumpGeneration(tx, [...new Set(parts.map((part) => part.sensor))]);
    return { ...admission, generations, lease: await deps.claim(tx, record) };
  });
}

/** A bucket that was allowed when it was added may be so no more: a capture could never be delivered into it. */
async function requireAllowed({ buckets }: CreateDeps, record: CaptureRecord): Promise<void> {
  if (record.spec.type !== 'full') return;
  try {
    await buckets.ofCapture(record);
  } catch (error) {
    if (!(error instanceof FaultError) || kindOf(error.faults[0]).status >= 500) throw error;
    const [first, ...more] = error.faults;
    throw new FaultError([{ ...first, pointer: '/destination_conf' }, ...more], { cause: error });
  }
}

/** What does not fit into the memory of its sensors is refused now, and not when they have begun with some of it. */
async function requireRings(
  tx: Transaction,
  limits: LimitCounts,
  account_id: string,
  parts: readonly PartRecord[],
  fleet: readonly SensorRecord[],
): Promise<void> {
  if (parts.length === 0) return;
  const { all, by_account } = await partsCaptured(tx);
  const own = by_account.get(account_id) ?? new Map<string, number>();
  await requireShare(limits, { parts, fleet, own, hasOthers: async () => await hasOthers(tx, account_id) });
  const lacking = ringRoom(parts, fleet, all);
  if (lacking !== undefined) throw new FaultError([lacking]);
}

/** The bucket may have been removed since the check; from here on to the commit it cannot be. */
async function requireBucket(tx: Transaction, by: Caller, spec: CaptureSpec): Promise<void> {
  if (spec.type !== 'full' || (await ownershipOf(tx, by.account_id, spec.ownership_id)) !== undefined) return;
  raise('destination_not_owned', { destination: spec.destination_conf }, { pointer: '/destination_conf' });
}

async function repeated(db: Database, captureId: string, rate: Rate): Promise<Created> {
  const record = await captureById(db, captureId);
  if (record === undefined) return { ok: false, fault: fault('not_found', { what: 'capture' }), rate };
  return { ok: true, capture: captureView(record, await partsOf(db, captureId), db.clock), rate };
}

function plan(
  deps: CreateDeps,
  by: Caller,
  { spec, scope, fleet }: Checked<CaptureSpec>,
  submitted: TimeNs,
): { readonly record: CaptureRecord; readonly parts: readonly PartRecord[] } {
  const id = idFrom(deps.random(16));
  const members = membersSince(fleet, undefined, deps).map(({ sensor, absent }) => ({
    ...sensor,
    ...(absent === undefined ? {} : { absent: absent.message }),
  }));
  const parts = spec.type === 'full' ? chooseParts(id, spec.colo_name, members, scope) : [];
  const asked = new Set(parts.map((part) => part.sensor));
  const space_bytes = fleet
    .filter(({ name }) => asked.has(name))
    .reduce((sum, { spool_limit_bytes }) => sum + spool_limit_bytes, 0n);
  const sensors = new Set(parts.map((part) => part.sensor));
  const mayGrow = fleet.some((sensor) => sensor.serves_all === true && sensors.has(sensor.name));
  const largest = largestFileBytes({ ...spec, space_bytes });
  const record: CaptureRecord = {
    id,
    account_id: by.account_id,
    principal_id: by.principal.id,
    spec,
    scope,
    status: 'pending',
    submitted,
    delivery: spec.type === 'full' ? chooseDelivery(parts, spec, mayGrow) : 'lookback',
    piece_bytes: pieceSize(largest),
    version: 1n,
  };
  return { record, parts };
}

async function audit(tx: Transaction, deps: CreateDeps, by: Caller, record: CaptureRecord): Promise<void> {
  const { spec } = record;
  const where = spec.type === 'full' ? ` in ${spec.colo_name} to ${spec.destination_conf}` : '';
  const actor = { account_id: by.account_id, principal_id: by.principal.id, address: by.address };
  const back = spec.type === 'full' && spec.lookback_s !== undefined ? ` and ${spec.lookback_s} s back` : '';
  const detail = `${spec.type}, ${spec.time_limit_s} s${back}${where}`;
  await deps.audit.write(tx, actor, { action: 'capture.create', subject: record.id, detail });
}
