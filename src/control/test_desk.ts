import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Bucket } from '../bucket/bucket.ts';
import { openFileBucket } from '../bucket/file.ts';
import { createPieceIntake } from '../bucket/piece_intake.ts';
import { insertCapture } from '../db/captures.ts';
import type { Database } from '../db/database.ts';
import { openDatabase } from '../db/open_database.ts';
import { insertParts } from '../db/parts.ts';
import { upsertSensor } from '../db/sensors.ts';
import { freshId, plainAccount, plainCapture } from '../db/suite/samples.ts';
import type { FullSpec } from '../model/capture.ts';
import type { Fault } from '../model/errors/fault.ts';
import type { SignedPiece } from '../model/piece.ts';
import type { CaptureRecord, PartRecord } from '../model/record.ts';
import { LimitCounts } from '../model/limit_counts.ts';
import { limitFallbacks } from '../model/shared_limits.ts';
import { machineTimes } from '../plan/machine_times.ts';
import type { ControlReply, SensorRequest } from '../wire/sensor_messages.ts';
import { wireVersion } from '../wire/version.ts';
import type { CaptureJobs } from './captures/capture_jobs.ts';
import { createKeeper, type Keeper } from './captures/keeper.ts';
import { createConversionRunner } from './conversion/conversion_runner.ts';
import type { CaptureBuckets } from './delivery/capture_buckets.ts';
import { createPartDelivery, type PartDelivery } from './delivery/part_delivery.ts';
import { FleetWatch } from './fleet/fleet_watch.ts';
import { answerSensor } from './fleet/answer_sensor.ts';

const second = 1_000_000_000n;

/** Everything of a control that sensors talk to, over a database in memory and buckets that are directories. */
export interface TestDesk {
  readonly db: Database;
  readonly folder: string;
  readonly account_id: string;
  /** The user's bucket, `<folder>/bucket`. */
  readonly bucket: Bucket;
  readonly staging: Bucket;
  readonly results: Bucket;
  readonly buckets: CaptureBuckets;
  readonly keeper: Keeper;
  readonly watch: FleetWatch;
  readonly delivery: PartDelivery;
  readonly conversions: CaptureJobs;
  readonly warned: Fault[];
  /** What followed from events, in order: `nudge s0 1`, `convert`, `lookback`, `past`, `discard`. */
  readonly followed: string[];
  /** What other parts of a control take. */
  readonly jobs: Parameters<typeof createConversionRunner>[0];
  now(): bigint;
  /** Lets time pass. */
  pass(seconds: number): void;
  /** Stores a full capture of so many parts: two interfaces for each sensor, `s0` first. */
  store(parts: number, change?: Partial<CaptureRecord>, spec?: Partial<FullSpec>): Promise<CaptureRecord>;
  /** Says something as a sensor. */
  say(request: Question, sensor?: string, epoch?: string): Promise<ControlReply>;
  /** PUTs a signed piece. */
  put(signed: Pick<SignedPiece, 'url' | 'headers'>, bytes: Uint8Array): Promise<{ status: number; etag: string }>;
  close(): Promise<void>;
}

type Question = SensorRequest extends infer Each
  ? Each extends SensorRequest
    ? Omit<Each, 'version' | 'sensor' | 'epoch' | 'sensor_id'>
    : never
  : never;

/** Opens one; `before` is a desk whose control is no more, and whose database and buckets go on. */
export async function startDesk(before?: TestDesk, holder = 'control'): Promise<TestDesk> {
  const folder = before?.folder ?? mkdtempSync(join(tmpdir(), 'edgetap-desk-'));
  let at = before?.now() ?? 1_800_000_000n * second;
  const now = (): bigint => (at += 1000n);
  const db = before?.db ?? (await openDatabase({ url: ':memory:', clock: () => now() }));
  const account = before ?? (await plainAccount(db));
  const signing_keys = [new Uint8Array(32).fill(7)];
  const open = (name: string): Bucket => {
    const directory = join(folder, name);
    mkdirSync(directory, { recursive: true });
    return openFileBucket({
      destination: { scheme: 'file', directory },
      allowed_roots: [folder],
      intake_url: 'http://127.0.0.1:1',
      signing_keys,
      now,
      random_bytes: (count) => randomBytes(count),
    });
  };
  const [bucket, staging, results] = [open('bucket'), open('staging'), open('results')];
  const intake = createPieceIntake({ allowed_roots: [folder], signing_keys, now });
  const warned: Fault[] = [];
  const followed: string[] = [];
  const buckets: CaptureBuckets = { ofCapture: async () => bucket };
  const jobs = {
    db,
    buckets,
    staging,
    application: 'edgetap 1.2.3',
    holder,
    limits: new LimitCounts(limitFallbacks),
    keeper: () => keeper,
    sleep: async (ms: number, signal: AbortSignal): Promise<void> => {
      // Pauses are shorter here, and still let others in.
      await delay(Math.min(ms, 10), undefined, { signal }).catch(() => undefined);
    },
    warn: (fault: Fault): void => void warned.push(fault),
    crash: (error: unknown): void => {
      throw error;
    },
  };
  const conversions = createConversionRunner(jobs);
  const delivery = createPartDelivery(jobs);
  const keeper = createKeeper(
    db,
    {
      nudge: (sensor, generation) => void followed.push(`nudge ${sensor} ${generation}`),
      convert: () => void followed.push('convert'),
      lookback: () => void followed.push('lookback'),
      past: () => void followed.push('past'),
      discard: () => void followed.push('discard'),
    },
    machineTimes,
    undefined,
    jobs.limits,
  );
  const watch = new FleetWatch(() => db.clock.now());
  const desk: TestDesk = {
    db,
    folder,
    account_id: account.account_id,
    bucket,
    staging,
    results,
    buckets,
    keeper,
    watch,
    delivery,
    conversions,
    warned,
    followed,
    jobs,
    now,
    pass: (seconds) => {
      at += BigInt(Math.round(seconds * 1000)) * 1_000_000n;
    },
    store: async (parts, change = {}, spec = {}) => await store(desk, parts, change, spec),
    say: async (request, sensor = 's0', epoch = 'e1') =>
      await answerSensor(
        { db, keeper, delivery, watch, warn: jobs.warn },
        {
          ...request,
          version: wireVersion,
          sensor,
          epoch,
        },
      ),
    put: async (signed, bytes) => {
      const { pathname, search } = new URL(signed.url);
      const body = (async function* (): AsyncGenerator<Uint8Array> {
        yield bytes;
      })();
      const answer = await intake({ method: 'PUT', url: `${pathname}${search}`, headers: signed.headers, body });
      return { status: answer.status, etag: (answer.headers['etag'] ?? '').replaceAll('"', '') };
    },
    close: async () => {
      await conversions.close();
      await db.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return desk;
}

async function store(
  desk: TestDesk,
  count: number,
  change: Partial<CaptureRecord>,
  spec: Partial<FullSpec>,
): Promise<CaptureRecord> {
  const { db } = desk;
  const ownership = await db.query.selectFrom('ownerships').select('id').executeTakeFirstOrThrow();
  const record = plainCapture(desk.account_id, {
    id: freshId(),
    submitted: desk.now(),
    delivery: count === 1 ? 'direct' : 'staged',
    ...change,
    spec: {
      type: 'full',
      system: 'magic-transit',
      time_limit_s: 60,
      filter_v1: {},
      format: 'pcap',
      colo_name: 'lab01',
      destination_conf: 'file:///b',
      ownership_id: ownership.id,
      ...spec,
    },
  });
  const parts = Array.from(
    { length: count },
    (_, ordinal): PartRecord => ({
      capture_id: record.id,
      sensor: `s${ordinal >> 1}`,
      interface: `eth${ordinal & 1}`,
      colo: 'lab01',
      ordinal,
      phase: 'assigned',
      sequence: 0,
    }),
  );
  await db.transaction(async (tx) => {
    await insertCapture(tx, record);
    await insertParts(tx, parts);
    for (const name of new Set(parts.map((part) => part.sensor))) {
      await upsertSensor(tx, {
        name,
        colo: 'lab01',
        epoch: 'e1',
        version: wireVersion,
        last_heard: desk.now(),
        interfaces: [],
        samples: [],
        spool_used_bytes: 0n,
        spool_limit_bytes: 1n,
      });
    }
  });
  return record;
}
