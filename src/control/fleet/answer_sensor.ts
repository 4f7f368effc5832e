import type { Database } from '../../db/database.ts';
import { knownParts, partsOfSensor } from '../../db/parts.ts';
import { sensorByName, upsertSensor } from '../../db/sensors.ts';
import { raise } from '../../model/errors/fault.ts';
import type { CaptureEvent } from '../../plan/capture_event.ts';
import type { PartReport } from '../../wire/bus_fields.ts';
import type { ControlReply, SensorRequest } from '../../wire/sensor_messages.ts';
import { accepts, wireVersion } from '../../wire/version.ts';
import type { Keeper } from '../captures/keeper.ts';
import type { PartDelivery } from '../delivery/part_delivery.ts';
import type { SetAside } from '../set_aside.ts';
import { assignmentsOf } from './assignments_of.ts';

/** What answering sensors takes. */
export interface SensorDesk {
  readonly db: Database;
  readonly keeper: Keeper;
  readonly delivery: PartDelivery;
  /** Where what is set aside is told. */
  readonly aside?: SetAside;
}

/** Control's answer to one request of a sensor. What is answered as committed is committed. */
export async function answerSensor(desk: SensorDesk, request: SensorRequest): Promise<ControlReply> {
  if (!accepts(request.version)) {
    raise('wire_version', { peer: request.sensor, found: request.version, known: wireVersion });
  }
  switch (request.kind) {
    case 'heartbeat':
      return await heartbeat(desk, request);
    case 'desired':
      return await desired(desk.db, request);
    case 'report':
      return await report(desk, request);
    case 'sign':
      return { kind: 'signed', ...(await desk.delivery.sign(request)) };
    case 'uploaded':
      await desk.delivery.complete(request);
      return { kind: 'uploaded_ok' };
  }
}

async function heartbeat(
  { db, aside }: SensorDesk,
  request: Extract<SensorRequest, { kind: 'heartbeat' }>,
): Promise<ControlReply> {
  aside?.tell(request.sensor, request.set_aside ?? []);
  const { sensor, colo, epoch, version, interfaces, samples, spool_used_bytes, spool_limit_bytes } = request;
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
      }),
  );
  return { kind: 'heartbeat_ok', generation };
}

async function desired(db: Database, request: Extract<SensorRequest, { kind: 'desired' }>): Promise<ControlReply> {
  const { sensor, holds = [] } = request;
  return await db.transaction(async (tx): Promise<ControlReply> => {
    const known = await sensorByName(tx, sensor);
    const work = await partsOfSensor(tx, sensor);
    const wanted = new Set(work.map(({ part }) => keyOf(part)));
    const held = holds.filter((part) => !wanted.has(keyOf(part)));
    const mine = new Set((await knownParts(tx, sensor, held)).map(keyOf));
    return {
      kind: 'work',
      generation: known?.generation ?? 0n,
      assignments: [...assignmentsOf(work, await tx.now())],
      over: held.filter((part) => mine.has(keyOf(part))),
    };
  });
}

function keyOf(part: { readonly capture_id: string; readonly interface: string }): string {
  return `${part.capture_id}/${part.interface}`;
}

async function report(desk: SensorDesk, request: Extract<SensorRequest, { kind: 'report' }>): Promise<ControlReply> {
  const at = await desk.db.now();
  const byCapture = Map.groupBy(request.reports, (one) => one.capture_id);
  await desk.keeper.take(
    [...byCapture].map(([capture_id, reports]) => ({
      capture_id,
      events: reports.map((one) => eventOf(request.sensor, request.epoch, one, at)),
    })),
  );
  return {
    kind: 'report_ok',
    committed: request.reports.map(({ capture_id, interface: name, sequence }) => ({
      capture_id,
      interface: name,
      sequence,
    })),
  };
}

function eventOf(sensor: string, epoch: string, report: PartReport, at: bigint): CaptureEvent {
  const { capture_id: _capture, file_bytes: _file, fault, ...told } = report;
  const error = fault === undefined ? {} : { error: fault.message };
  return { kind: 'report', at, news: { sensor, epoch, ...told, ...error } };
}
