import type { Bucket, StreamedObject } from '../../bucket/bucket.ts';
import type { ControlBus } from '../../bus/bus.ts';
import { captureById } from '../../db/captures.ts';
import { releaseLease } from '../../db/leases.ts';
import { listSensors, type SensorRecord } from '../../db/sensors.ts';
import { FaultError } from '../../model/errors/fault.ts';
import { limits } from '../../model/limits.ts';
import type { CaptureRecord } from '../../model/record.ts';
import { isFinal } from '../../model/status.ts';
import type { CaptureEvent, LookbackShare } from '../../plan/capture_event.ts';
import { coveredShare } from '../../model/covered_time.ts';
import { type FleetMember, servedInterfaces, visibleSensors } from '../../plan/choose_parts.ts';
import type { InterfaceCoverage, LookbackRequest } from '../../wire/control_messages.ts';
import { type CaptureJobDeps, type CaptureJobs, createCaptureJobs, type JobLease } from '../captures/capture_jobs.ts';
import type { Keeper } from '../captures/keeper.ts';
import { FairTurns } from '../../model/fair_turns.ts';
import type { LimitCounts } from '../../model/limit_counts.ts';
import { resultName } from '../delivery/place_of.ts';
import type { FleetWatch } from '../fleet/fleet_watch.ts';
import { heardOf } from '../fleet/heard_of.ts';
import { type Member, membersSince } from '../fleet/members.ts';
import { askSensor, type SensorAnswer } from './ask_sensor.ts';
import { coverageText, missingText } from './coverage_text.ts';
import { EarlyAnswers } from './early_answers.ts';
import type { AccountUsage } from '../../model/account_usage.ts';
import { giveBack } from '../../model/give_back.ts';
import { greatestRate } from './greatest_rate.ts';
import { type FileStream, lookbackFile } from './lookback_file.ts';
import { lookbackRequest } from './lookback_request.ts';
import { type PacketsEstimated, packetsEstimated } from './packets_estimated.ts';
import { ratesText } from './rates_text.ts';
import { shareName } from './share_name.ts';

/** What look-backs take. */
export interface LookbackDeps extends CaptureJobDeps {
  readonly keeper: () => Keeper;
  readonly bus: ControlBus;
  readonly watch: FleetWatch;
  /** Where result files are kept. */
  readonly results: Bucket;
  readonly usage: AccountUsage;
  readonly application: string;
  /** `lookbacks` counts. */
  readonly limits: LimitCounts;
}

/** A sensor that restarts is back within this. */
const patience_ms = 6000;
/** The sensor waits up to 2 s for its last packets, and then searches. */
const silence_ms = 5000;
/** So much is put into a file within a few milliseconds: that it is being done is not written down before. */
const quick_bytes = 4 << 20;
const write_tries = 5;

/** Answers simple captures. */
export interface LookbackRunner extends CaptureJobs {
  /**
   * Asks the sensors of a capture that is about to be made, while that is being written down: `begin` goes on with what they say.
   * Returns how to give it up where the capture is not made.
   */
  askAhead(record: CaptureRecord, sensors: readonly SensorRecord[]): () => void;
}

/** What one sensor said. */
interface HeardAnswer {
  readonly sensor: FleetMember;
  readonly answer: SensorAnswer;
}

/** Answers simple captures from the sensors' samples. */
export function createLookbackRunner(deps: LookbackDeps): LookbackRunner {
  const { db, keeper } = deps;
  const { lookbacks } = deps.limits.values;
  const per_owner = Math.max(1, lookbacks - 1);
  const turns = new FairTurns({ total: lookbacks, per_owner });
  deps.limits.measure('lookbacks', () => turns.running);
  const early = new EarlyAnswers<readonly HeardAnswer[]>(per_owner);

  const take = async (capture_id: string, ...events: readonly CaptureEvent[]): Promise<void> => {
    await keeper().take([{ capture_id, events }]);
  };

  /** Asks until it answers, or patience ends; a sensor that is busy is asked again too. */
  const askPatiently = async (sensor: string, request: LookbackRequest, signal: AbortSignal): Promise<SensorAnswer> => {
    const begun = performance.now();
    for (;;) {
      const answer = await askSensor(deps.bus, sensor, request, silence_ms, signal);
      const again = answer.kind !== 'answered' && (answer.kind === 'silent' || answer.fault.name === 'lookback_busy');
      if (!again || signal.aborted || performance.now() - begun > patience_ms) return answer;
      await deps.sleep(200, signal);
    }
  };

  const store = async (
    key: string,
    chunks: readonly Uint8Array<ArrayBuffer>[],
    signal: AbortSignal,
  ): Promise<StreamedObject> => {
    const [only, ...more] = chunks;
    if (only === undefined || more.length > 0) {
      return await deps.results.putStream(key, each(chunks), { piece_bytes: 8_388_608, signal });
    }
    // Beside the writing, on another thread.
    const [digest, stored] = await Promise.all([sha256(only), deps.results.writeObject(key, only)]);
    return { ...stored, sha256: digest };
  };

  const askAll = async (
    members: readonly Member[],
    request: LookbackRequest,
    signal: AbortSignal,
    answered: (left: number) => Promise<void>,
  ): Promise<readonly HeardAnswer[]> => {
    let awaited = members.length;
    return await Promise.all(
      members.map(async ({ sensor, absent }) => {
        const one: SensorAnswer =
          absent === undefined ? await askPatiently(sensor.name, request, signal) : { kind: 'silent', fault: absent };
        awaited -= 1;
        if (one.kind === 'answered') await answered(awaited);
        return { sensor, answer: one };
      }),
    );
  };

  const askVisible = async (
    { id, scope }: CaptureRecord,
    request: LookbackRequest,
    signal: AbortSignal,
  ): Promise<readonly HeardAnswer[]> => {
    const fleet = visibleSensors(heardOf(await listSensors(db), await db.now()), scope);
    let answering = false;
    return await askAll(membersSince(fleet, request.from, deps), request, signal, async (left) => {
      // The last one's answer is taken together with what follows it.
      if (left === 0 || answering) return;
      answering = true;
      await take(id, { kind: 'answering', at: await db.now() });
    });
  };

  const answer = async (record: CaptureRecord, signal: AbortSignal, own: JobLease): Promise<void> => {
    const { id, spec } = record;
    if (spec.type !== 'simple') return;
    const request = lookbackRequest(spec, record);
    const answers = (await early.take(id, signal)) ?? (await askVisible(record, request, signal));
    if (signal.aborted) return;
    const at = await db.now();
    const arrived: readonly CaptureEvent[] = [
      { kind: 'answering', at },
      { kind: 'merging', at },
    ];
    const streams = answers.flatMap(({ sensor, answer: one }) => streamsOf(sensor, one, request));
    const quick = streams.flatMap(({ records }) => records).reduce((sum, { length }) => sum + length, 0) <= quick_bytes;
    if (!quick) await take(id, ...arrived);
    if (signal.aborted) return;
    const file = lookbackFile(streams, {
      packet_limit: spec.packet_limit,
      format: spec.format,
      snaplen_bytes: limits.sample_snaplen_bytes,
      application: deps.application,
      comment: `edgetap capture ${id}: samples`,
    });
    const stored = await store(resultName(record), file.chunks, signal);
    for (const chunk of file.chunks) giveBack(chunk);
    const counted = streams.map((stream, index) => ({
      stream,
      packets: file.packets[index],
      bytes: file.bytes[index],
      estimated: file.estimated[index],
    }));
    const shares = answers.flatMap(({ sensor, answer: one }) => sharesOf(sensor, one, request, counted));
    const answered: CaptureEvent = {
      kind: 'answered',
      at: await db.now(),
      packets: BigInt(file.packets.reduce((sum, packets) => sum + packets, 0)),
      truncated: file.cut || answers.some(({ answer: one }) => one.kind === 'answered' && one.truncated),
      ...(file.oldest === undefined ? {} : { oldest_packet: file.oldest }),
      size_bytes: stored.size_bytes,
      sha256: stored.sha256,
      shares,
    };
    // The work is done with this: its lease goes in the same write.
    const states = await keeper().take(
      [{ capture_id: id, events: [...(quick ? arrived : []), answered] }],
      async (tx) => await releaseLease(tx, own.lease),
    );
    // One that was discarded meanwhile keeps nothing.
    deps.usage.add(record.account_id, 'results_bytes', Number(states.get(id)?.record.size_bytes ?? 0n));
    own.released = true;
  };

  const jobs = createCaptureJobs('look-back', deps, async (captureId, signal, own) => {
    for (let tries = 1; ; tries += 1) {
      const record = await captureById(db, captureId);
      if (record === undefined || isFinal(record.status)) return;
      try {
        return await turns.take(record.account_id, async () => await answer(record, signal, own), none, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof FaultError)) throw error;
        const [fault] = error.faults;
        deps.warn(fault, `look-back ${captureId}`);
        if (tries === write_tries) {
          return await take(captureId, { kind: 'convert_failed', at: await db.now(), reason: fault.message });
        }
        await deps.sleep(200 * 2 ** tries, signal);
      }
    }
  });
  return {
    begin: (captureId, lease) => jobs.begin(captureId, lease),
    claim: async (tx, captureId) => await jobs.claim(tx, captureId),
    end: (captureId) => jobs.end(captureId),
    askAhead: (record, sensors) => {
      const { id, spec, account_id } = record;
      if (spec.type !== 'simple') return () => undefined;
      const request = lookbackRequest(spec, record);
      const ask = (signal: AbortSignal): Promise<readonly HeardAnswer[]> =>
        turns.take(
          account_id,
          async () => await askAll(membersSince(sensors, request.from, deps), request, signal, async () => undefined),
          none,
          signal,
        );
      return early.begin(id, account_id, ask);
    },
    close: async () => {
      early.close();
      await jobs.close();
    },
  };
}

/** However many wait: their number is bounded by the rate of creates. */
function none(): never {
  throw new TypeError('a look-back was refused its turn');
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex');
}

async function* each(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, void> {
  for (const chunk of chunks) yield chunk;
}

interface LabelledStream extends FileStream {
  readonly sensor: string;
}

/** The packets of one sensor's answer, by interface, with what a pcapng file says of each. */
function streamsOf(sensor: FleetMember, answer: SensorAnswer, request: LookbackRequest): readonly LabelledStream[] {
  if (answer.kind !== 'answered') return [];
  const filter = request.filter.any_tags_text || request.filter.own_tags_text;
  return answer.streams
    .toSorted((one, other) => (one.interface < other.interface ? -1 : 1))
    .map((stream) => {
      const coverage = coverageOf(answer.coverage, stream);
      const rates = coverage?.rates ?? [];
      const comment = ratesText(rates);
      return {
        ...stream,
        rates,
        sensor: sensor.name,
        description: {
          name: stream.interface,
          description: `${sensor.name} in ${sensor.colo}, samples`,
          ...(filter === '' ? {} : { filter }),
          ...(comment === undefined ? {} : { comment }),
        },
        statistics: {
          taken_at: request.to,
          start_time: request.from,
          end_time: request.to,
          ...(coverage === undefined ? {} : { os_dropped: coverage.dropped }),
        },
      };
    });
}

function coverageOf(
  all: readonly InterfaceCoverage[],
  stream: { readonly interface: string; readonly linktype?: number },
): InterfaceCoverage | undefined {
  return all.find((one) => one.interface === stream.interface && one.linktype === stream.linktype);
}

/**
 * How many packets of the window match, as far as it is covered: those that were answered stand for `answered`, others the limit has kept out,
 * and some of those lost would have matched. Undefined where nothing is known.
 */
function matchingEstimated(
  { kept_out_estimated, lost_estimated }: InterfaceCoverage,
  answered: bigint | undefined,
): bigint | undefined {
  const known = [answered, kept_out_estimated, lost_estimated].filter((count) => count !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, count) => sum + count, 0n);
}

/** What becomes of one sensor's answer in the capture's account: a share for each interface and link type. */
function sharesOf(
  sensor: FleetMember,
  answer: SensorAnswer,
  window: Pick<LookbackRequest, 'from' | 'to'>,
  counted: readonly {
    readonly stream: LabelledStream;
    readonly packets: number | undefined;
    readonly bytes: number | undefined;
    readonly estimated: PacketsEstimated | undefined;
  }[],
): readonly LookbackShare[] {
  const base = { sensor: sensor.name, colo: sensor.colo };
  if (answer.kind !== 'answered') {
    const outcome = answer.kind === 'silent' ? 'no_answer' : 'failed';
    const names = servedInterfaces(sensor);
    const error = answer.fault.message;
    // Of a sensor whose interfaces nobody knows, too, it is told that it is missing.
    return (names.length === 0 ? ['*'] : names).map((name) => ({ ...base, interface: name, outcome, error }));
  }
  return answer.coverage.map((coverage): LookbackShare => {
    const { dropped_is_upper_bound, samples_from, samples_to } = coverage;
    const missing = missingText(coverage);
    const of = counted.find(
      ({ stream }) => stream.sensor === sensor.name && coverageOf([coverage], stream) !== undefined,
    );
    const estimated = of?.estimated ?? packetsEstimated({ count: 0, at: () => 0n }, coverage.rates);
    const text = coverageText(coverage, estimated.unknown);
    const name = shareName(answer.coverage, coverage);
    const matching = matchingEstimated(coverage, estimated.packets);
    if (coverage.excluded !== undefined)
      return { ...base, interface: name, outcome: 'excluded', error: coverage.excluded };
    return {
      ...base,
      interface: name,
      outcome: 'answered',
      packets: BigInt(of?.packets ?? 0),
      bytes: BigInt(of?.bytes ?? 0),
      dropped: coverage.dropped,
      ...(dropped_is_upper_bound === undefined ? {} : { dropped_is_upper_bound }),
      covered: coverage.covered ?? coveredShare(window, coverage.gaps),
      ...(missing === undefined ? {} : { missing }),
      ...(samples_from === undefined ? {} : { samples_from }),
      ...(samples_to === undefined ? {} : { samples_to }),
      ...(coverage.rates.length === 0 ? {} : { sample_rate: greatestRate(coverage) }),
      ...(matching === undefined ? {} : { packets_estimated: matching }),
      ...(text === undefined ? {} : { coverage: text }),
    };
  });
}
