import { createHash } from 'node:crypto';
import type { Bucket } from '../../bucket/bucket.ts';
import type { ControlBus } from '../../bus/bus.ts';
import { captureById } from '../../db/captures.ts';
import { partsOf } from '../../db/parts.ts';
import type { FullSpec } from '../../model/capture.ts';
import { type Fault, FaultError } from '../../model/errors/fault.ts';
import type { PartPast, PastStream } from '../../model/past.ts';
import type { CaptureRecord } from '../../model/record.ts';
import { isFinal } from '../../model/status.ts';
import { canBeEthernet } from '../../pcap/to_ethernet.ts';
import { awaitedPasts, type PartWithoutPast } from '../../plan/awaited_pasts.ts';
import type { MachineTimes } from '../../plan/machine_times.ts';
import { seconds } from '../../plan/seconds.ts';
import { type CaptureJobDeps, type CaptureJobs, createCaptureJobs } from '../captures/capture_jobs.ts';
import type { Keeper } from '../captures/keeper.ts';
import { FairTurns } from '../../model/fair_turns.ts';
import { rememberStaged } from '../delivery/clear_uploads.ts';
import { pastName } from '../delivery/place_of.ts';
import { type FetchedPast, type FetchedStream, fetchPast } from './fetch_past.ts';

/** What fetching pasts takes. */
export interface PastDeps extends CaptureJobDeps {
  readonly keeper: () => Keeper;
  readonly bus: ControlBus;
  /** Where they wait for conversion. */
  readonly staging: Bucket;
  readonly times: MachineTimes;
}

/** Each holds up to 2 MB. */
const fetches_at_once = { total: 20, per_owner: 16 };
/** Of the questions that a sensor answers at one time; the others are left to look-backs that somebody waits for. Owners are accounts. */
const fetches_of_sensor = { total: 3, per_owner: 2 };
const retry_first_ms = 200;
const retry_most_ms = 5000;
const pcap_type = 'application/vnd.tcpdump.pcap';

/**
 * Fetches the pasts of full captures that look back, as their parts arm, and puts them into the staging area. A sensor that does
 * not answer is asked again as long as the capture runs, and for half of the time that parts are awaited after it.
 */
export function createPastRunner(deps: PastDeps): CaptureJobs {
  const { db, staging } = deps;
  const turns = new FairTurns(fetches_at_once);
  const turnsOf = new Map<string, FairTurns>();
  const inTurn = async <T>(sensor: string, account_id: string, run: () => Promise<T>): Promise<T> => {
    const own = turnsOf.get(sensor) ?? new FairTurns(fetches_of_sensor);
    turnsOf.set(sensor, own);
    return await own.take(account_id, async () => await turns.take(account_id, run, none), none);
  };

  const commit = async ({ capture_id, sensor, interface: name }: PartWithoutPast, past: PartPast): Promise<void> => {
    const event = { kind: 'past', at: await db.now(), sensor, interface: name, past } as const;
    await deps.keeper().take([{ capture_id, events: [event] }]);
  };

  const stage = async (part: PartWithoutPast, stream: FetchedStream): Promise<PastStream> => {
    const { linktype, packets, bytes, dropped, dropped_is_upper_bound, sample_rate, truncated } = stream;
    const told = {
      linktype,
      packets: BigInt(packets),
      bytes: BigInt(bytes),
      dropped,
      truncated,
      ...(dropped_is_upper_bound === undefined ? {} : { dropped_is_upper_bound }),
      ...(sample_rate === undefined ? {} : { sample_rate }),
    };
    if (packets === 0) return told;
    const file = Buffer.concat(stream.file);
    const key = pastName(part, createHash('sha256').update(file).digest('hex'));
    await rememberStaged(db, part.capture_id, key);
    await staging.writeObject(key, file, pcap_type);
    return { ...told, key };
  };

  const keep = async (
    part: PartWithoutPast,
    spec: FullSpec,
    { streams, covered, coverage, missing }: Extract<FetchedPast, { kind: 'fetched' }>,
  ): Promise<void> => {
    const fitting = streams.filter(({ linktype }) => fits(linktype, part, spec));
    const others = streams.filter((stream) => !fitting.includes(stream));
    const textOf = ({ linktype }: FetchedStream): string =>
      `samples of link type ${linktype} cannot be in one classic pcap file`;
    const left = others
      .filter(({ packets }) => packets > 0)
      .map((one) => `${textOf(one)}: ${one.packets} are left out`);
    const staged: PastStream[] = [];
    for (const stream of fitting) staged.push(await stage(part, stream));
    const told = [...(coverage === undefined ? [] : [coverage]), ...others.map(textOf)].join('; ');
    const lacking = [...(missing === undefined ? [] : [missing]), ...left].join('; ');
    await commit(part, {
      streams: staged,
      ...(covered === undefined ? {} : { covered }),
      ...(told === '' ? {} : { coverage: told }),
      ...(lacking === '' ? {} : { missing: lacking }),
    });
  };

  /** One try of one part; gives what keeps it from being fetched. */
  const tryPart = async (
    part: PartWithoutPast,
    record: CaptureRecord,
    signal: AbortSignal,
  ): Promise<Fault | undefined> => {
    const { spec, account_id } = record;
    if (spec.type !== 'full') return undefined;
    try {
      const fetched = await inTurn(
        part.sensor,
        account_id,
        async () => await fetchPast(deps, part, spec, record, signal),
      );
      if (fetched.kind === 'not_yet') return fetched.fault;
      if (!signal.aborted) await keep(part, spec, fetched);
      return undefined;
    } catch (error) {
      if (error instanceof FaultError) return error.faults[0];
      throw error;
    }
  };

  /** One round over all parts: true when nothing is left to fetch, undefined when something holds it up. */
  const round = async (captureId: string, told: Set<string>, signal: AbortSignal): Promise<boolean | undefined> => {
    const record = await captureById(db, captureId);
    const awaited = record === undefined ? [] : awaitedPasts({ record, parts: await partsOf(db, captureId) });
    if (record === undefined || isFinal(record.status) || awaited.length === 0) return true;
    const faults = await Promise.all(
      awaited.map(async (part) => ({ part, fault: await tryPart(part, record, signal) })),
    );
    if (signal.aborted) return true;
    let held = false;
    for (const { part, fault } of faults) {
      if (fault === undefined) continue;
      const isNews = fault.name !== 'lookback_busy' && !told.has(fault.message);
      if (isNews) deps.warn(fault, `the past of ${captureId} on ${part.sensor}/${part.interface}`);
      told.add(fault.message);
      if (await isLate(captureId)) await commit(part, { streams: [], error: fault.message });
      else held = true;
    }
    return held ? undefined : false;
  };

  const isLate = async (captureId: string): Promise<boolean> => {
    const record = await captureById(db, captureId);
    if (record?.status !== 'conversion_pending' || record.deadline === undefined) return false;
    return (await db.now()) > record.deadline + seconds(deps.times.conversion_wait_s) / 2n;
  };

  return createCaptureJobs('past', deps, async (captureId, signal) => {
    const told = new Set<string>();
    let wait_ms = retry_first_ms;
    while (!signal.aborted) {
      const done = await round(captureId, told, signal);
      if (done === true) return;
      if (done === undefined) await deps.sleep(wait_ms, signal);
      wait_ms = done === undefined ? Math.min(2 * wait_ms, retry_most_ms) : retry_first_ms;
    }
  });
}

/** However many wait: their number is bounded by that of the captures. */
function none(): never {
  throw new TypeError('a past was refused its turn');
}

/** Can these samples stand in one file with the part's packets? */
function fits(linktype: number, part: PartWithoutPast, { format }: FullSpec): boolean {
  if (format === 'pcapng' || part.linktype === undefined || linktype === part.linktype) return true;
  return canBeEthernet(linktype) && canBeEthernet(part.linktype);
}
