import type { Database } from '../../db/database.ts';
import { partsOfSensor, partsOver } from '../../db/parts.ts';
import { settleSensorName } from '../../db/settle_sensor_name.ts';
import { sensorByName, upsertSensor } from '../../db/sensors.ts';
import { type Fault, FaultError, fault, raise } from '../../model/errors/fault.ts';
import type { CaptureEvent } from '../../plan/capture_event.ts';
import type { PartReport } from '../../wire/bus_fields.ts';
import type { ControlReply, SensorRequest } from '../../wire/sensor_messages.ts';
import { namesInReport, type ReportNames, wrongInReport } from '../../wire/lenient_request.ts';
import { accepts, wireVersion } from '../../wire/version.ts';
import type { Keeper } from '../captures/keeper.ts';
import type { PartDelivery } from '../delivery/part_delivery.ts';
import type { SetAside } from '../set_aside.ts';
import { assignmentsOf } from './assignments_of.ts';
import { type FleetWatch, name_held_ns } from './fleet_watch.ts';
import type { SpoolShares } from './spool_shares.ts';

/** What answering sensors takes. */
export interface SensorDesk {
  readonly db: Database;
  readonly keeper: Keeper;
  readonly delivery: PartDelivery;
  readonly watch: FleetWatch;
  /** Where what is set aside is told. */
  readonly aside?: SetAside;
  /** What sensors say of the shares of their spools. */
  readonly shares?: SpoolShares;
  /** The operator is told. */
  warn?(fault: Fault, context: string): void;
}

/** Control's answer to one request of a sensor. What is answered as committed is committed. */
export async function answerSensor(desk: SensorDesk, request: SensorRequest): Promise<ControlReply> {
  if (!accepts(request.version)) {
    raise('wire_version', { peer: request.sensor, found: request.version, known: wireVersion });
  }
  await holdName(desk, request);
  switch (request.kind) {
    case 'heartbeat':
      return await heartbeat(desk, request);
    case 'desired':
      return await desired(desk, request);
    case 'report':
      return await report(desk, request);
    case 'sign':
      return { kind: 'signed', ...(await desk.delivery.sign(request)) };
    case 'uploaded':
      await desk.delivery.complete(request);
      return { kind: 'uploaded_ok' };
  }
}

/** One that has no name is refused, and told: what it says would be taken for what another one says. */
async function holdName(desk: SensorDesk, request: SensorRequest): Promise<void> {
  const { sensor, sensor_id } = request;
  if (sensor_id === undefined) return;
  const name = `sensor ${sensor_id}`;
  const holder = await settleName(desk, request, sensor_id);
  if (holder === undefined) {
    if (desk.aside?.has(name) === true) desk.aside.forget(name);
    return;
  }
  const asker = holder === sensor_id ? `${sensor_id} of an earlier start` : sensor_id;
  const why = fault('sensor_name_held', { sensor, holder, asker, limit_s: Number(name_held_ns / 1_000_000_000n) });
  if (desk.aside?.note(name, why) === true) desk.warn?.(why, 'the fleet');
  throw new FaultError([why]);
}

/**
 * Before anything is looked up by its name: a sensor that is called otherwise now is the same one. Gives the identity of who has the name, where
 * that is another one that is at work.
 */
async function settleName(
  desk: SensorDesk,
  { sensor, epoch }: SensorRequest,
  sensor_id: string,
): Promise<string | undefined> {
  const { db, watch } = desk;
  if (watch.nameOf(sensor_id) !== sensor) {
    const { holder, before } = await db.transaction(async (tx) => {
      const known = await sensorByName(tx, sensor);
      const isOther = known?.sensor_id !== undefined && known.sensor_id !== sensor_id && known.left_at === undefined;
      if (isOther && (await tx.now()) - known.last_heard < name_held_ns) return { holder: known.sensor_id };
      return { before: await settleSensorName(tx, sensor_id, sensor) };
    });
    if (holder !== undefined) return holder;
    watch.called(sensor_id, sensor);
    if (before !== undefined) desk.warn?.(fault('sensor_renamed', { before, sensor }), 'the fleet');
  }
  return watch.speaks(sensor_id, epoch) ? undefined : sensor_id;
}

async function heartbeat(
  { db, watch, aside, shares }: SensorDesk,
  request: Extract<SensorRequest, { kind: 'heartbeat' }>,
): Promise<ControlReply> {
  aside?.tell(request.sensor, request.set_aside ?? []);
  if (request.spool_shares !== undefined) shares?.hear(request.sensor, request.epoch, request.spool_shares);
  const { sensor_id, sensor, colo, epoch, version, interfaces, samples, spool_used_bytes, spool_limit_bytes } = request;
  const { rings_max, serves_all } = request;
  const last_heard = await db.now();
  const generation = await db.transaction(
    async (tx) =>
      await upsertSensor(tx, {
        name: sensor,
        colo,
        epoch,
        version,
        last_heard,
        interfaces,
        samples,
        spool_used_bytes,
        spool_limit_bytes,
        ...(rings_max === undefined ? {} : { rings_max }),
        ...(serves_all === undefined ? {} : { serves_all }),
        ...(sensor_id === undefined ? {} : { sensor_id }),
      }),
  );
  watch.heard(sensor);
  return { kind: 'heartbeat_ok', generation };
}

async function desired(desk: SensorDesk, request: Extract<SensorRequest, { kind: 'desired' }>): Promise<ControlReply> {
  const { sensor, holds = [] } = request;
  return await desk.db.transaction(async (tx): Promise<ControlReply> => {
    const known = await sensorByName(tx, sensor);
    const work = await partsOfSensor(tx, sensor);
    const wanted = new Set(work.map(({ part }) => keyOf(part)));
    const held = holds.filter((part) => !wanted.has(keyOf(part)));
    const names = [sensor, ...(known?.earlier_names ?? [])];
    const ended = new Set((await partsOver(tx, names, held)).map(keyOf));
    return {
      kind: 'work',
      generation: known?.generation ?? 0n,
      assignments: [...assignmentsOf(work, await tx.now())],
      over: held.filter((part) => ended.has(keyOf(part)) && desk.aside?.has(refusedName(sensor, part)) !== true),
    };
  });
}

function keyOf(part: { readonly capture_id: string; readonly interface: string }): string {
  return `${part.capture_id}/${part.interface}`;
}

async function report(desk: SensorDesk, request: Extract<SensorRequest, { kind: 'report' }>): Promise<ControlReply> {
  const at = await desk.db.now();
  const { sensor, epoch } = request;
  const good = request.reports.filter((one) => wrongInReport(one) === undefined);
  const refused = request.reports.flatMap((one): RefusedReport[] => {
    const reason = wrongInReport(one);
    return reason === undefined ? [] : [{ names: namesInReport(one), reason }];
  });
  const byCapture = [...Map.groupBy(good, (one) => one.capture_id)].map(([capture_id, reports]) => ({
    capture_id,
    events: reports.map((one) => eventOf(sensor, epoch, one, at)),
    reports,
  }));
  try {
    await desk.keeper.take(byCapture);
  } catch (error) {
    if (error instanceof FaultError) throw error;
    // One of them cannot be taken: the others are.
    for (const { reports, ...news } of byCapture) {
      const reason = await reasonAgainst(async () => await desk.keeper.take([news]));
      if (reason !== undefined) refused.push(...reports.map((names) => ({ names, reason })));
    }
  }
  const told = await refuse(desk, request, refused, at);
  const committed = [...good, ...refused.flatMap(({ names }) => names ?? [])];
  return {
    kind: 'report_ok',
    committed: committed.map(({ capture_id, interface: name, sequence }) => ({
      capture_id,
      interface: name,
      sequence,
    })),
    ...(told.length === 0 ? {} : { refused: told }),
  };
}

/** A report that cannot be taken. */
interface RefusedReport {
  readonly names: ReportNames | undefined;
  readonly reason: string;
}

/** What is no fault of the catalogue, as a text; undefined where all went well. Faults are thrown on. */
async function reasonAgainst(run: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    if (error instanceof FaultError) throw error;
    return error instanceof Error ? error.message : String(error);
  }
}

/** The parts of reports that cannot be taken have failed; nothing of them is to be removed. */
async function refuse(
  desk: SensorDesk,
  { sensor, epoch }: Extract<SensorRequest, { kind: 'report' }>,
  refused: readonly RefusedReport[],
  at: bigint,
): Promise<NonNullable<Extract<ControlReply, { kind: 'report_ok' }>['refused']>> {
  const told: NonNullable<Extract<ControlReply, { kind: 'report_ok' }>['refused']> = [];
  for (const { names, reason } of refused) {
    const what = names === undefined ? 'a part' : `capture ${names.capture_id} on ${names.interface}`;
    const why = fault('message_refused', { sensor, what, reason });
    desk.aside?.note(refusedName(sensor, names), why);
    desk.warn?.(why, what);
    if (names === undefined) continue;
    const { capture_id, interface: name, sequence } = names;
    const news = { sensor, epoch, interface: name, sequence, phase: 'failed', error: why.message } as const;
    // A capture that no event can be taken into is left as it is, and told.
    await reasonAgainst(async () => await desk.keeper.take([{ capture_id, events: [{ kind: 'report', at, news }] }]));
    told.push({ capture_id, interface: name, fault: { name: why.name, code: why.code, message: why.message } });
  }
  return told;
}

/** What a refused report is set aside as. */
function refusedName(sensor: string, names: Omit<ReportNames, 'sequence'> | undefined): string {
  return `report of ${sensor} ${names === undefined ? '' : keyOf(names)}`;
}

function eventOf(sensor: string, epoch: string, report: PartReport, at: bigint): CaptureEvent {
  const { capture_id: _capture, file_bytes: _file, fault, ...told } = report;
  const error = fault === undefined ? {} : { error: fault.message };
  return { kind: 'report', at, news: { sensor, epoch, ...told, ...error } };
}
