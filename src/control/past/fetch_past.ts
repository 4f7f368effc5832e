import type { ControlBus } from '../../bus/bus.ts';
import { joinFilter } from '../../filter/join_filter.ts';
import type { FullSpec } from '../../model/capture.ts';
import type { Covered } from '../../model/covered.ts';
import type { Fault } from '../../model/errors/fault.ts';
import { limits } from '../../model/limits.ts';
import type { PartPast } from '../../model/past.ts';
import type { CaptureRecord } from '../../model/record.ts';
import { createCaptureReader } from '../../pcap/capture_reader.ts';
import { encodePcapHeader } from '../../pcap/pcap_header.ts';
import type { PartWithoutPast } from '../../plan/awaited_pasts.ts';
import { laterThanFirst } from '../../plan/later_than_first.ts';
import { seconds } from '../../plan/seconds.ts';
import type { InterfaceCoverage, LookbackRequest } from '../../wire/control_messages.ts';
import { wireVersion } from '../../wire/version.ts';
import { askSensor } from '../lookback/ask_sensor.ts';
import { coveredShare } from '../../model/covered_time.ts';
import { pastMissing, pastText } from './past_text.ts';

/** Samples of one link type of an interface. */
export interface FetchedStream {
  readonly linktype: number;
  /** A classic pcap file, in pieces. */
  readonly file: readonly Uint8Array[];
  readonly packets: number;
  readonly bytes: number;
  readonly dropped: bigint;
  readonly dropped_is_upper_bound?: boolean;
  readonly sample_rate?: number;
  /** There may be older ones that match. */
  readonly truncated: boolean;
}

/** What a sensor had of a part's past, or why it said nothing. */
export type FetchedPast =
  | ({ readonly kind: 'fetched'; readonly streams: readonly FetchedStream[] } & Omit<PartPast, 'streams' | 'error'>)
  | { readonly kind: 'not_yet'; readonly fault: Fault };

/** What fetching takes. */
export interface FetchDeps {
  readonly bus: ControlBus;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** A day of samples may have to be read before there is a word. */
const silence_ms = 20_000;
const again_ms = 100;
/** How often a sampler that is at work is asked, which is behind by a tenth of a second, normally, and waits 2 s before it says so. */
const behind_tries = 5;
/** How often one that is just beginning a segment, or away: that is said at once. */
const away_tries = 10;

/**
 * Asks a part's sensor for what it sampled up to its arming with the part's own filter, from so long as the look-back says before the first of the capture armed: the
 * newest 10,000. Asks again until the samples reach up to the end, or will not. Throws the readers' faults for an answer that is no packets.
 */
export async function fetchPast(
  deps: FetchDeps,
  part: PartWithoutPast,
  { filter_v1, filter_expression, lookback_s = 0 }: FullSpec,
  record: CaptureRecord,
  signal: AbortSignal,
): Promise<FetchedPast> {
  const { account_id, scope } = record;
  const request: LookbackRequest = {
    kind: 'lookback',
    version: wireVersion,
    account: account_id,
    filter: joinFilter({ filter_v1, expression: filter_expression, networks: scope.networks }),
    // A window of the bus is (from, to].
    from: part.armed_at - laterThanFirst(part, record) - seconds(lookback_s) - 1n,
    to: part.armed_at - 1n,
    packet_limit: limits.past_packets_max,
    interface: part.interface,
  };
  for (let tries = 1; ; tries += 1) {
    const answer = await askSensor(deps.bus, part.sensor, request, silence_ms, signal);
    if (answer.kind !== 'answered') return { kind: 'not_yet', fault: answer.fault };
    const coverage = answer.coverage.filter((one) => one.interface === part.interface);
    if (!signal.aborted && tries < mostTries(coverage, request.to)) {
      await deps.sleep(again_ms, signal);
      continue;
    }
    const files = new Map(
      answer.streams
        .filter((stream) => stream.interface === part.interface)
        .map(({ linktype, records }) => [linktype, countedFile(linktype, records)]),
    );
    const packets = [...files.values()].reduce((sum, file) => sum + file.packets, 0);
    const clock = { armed: part.clock_offset, answered: answer.clock_offset };
    const [text, missing] = [pastText(coverage, clock), pastMissing(coverage, clock)];
    return {
      kind: 'fetched',
      streams: coverage.flatMap(({ linktype, excluded, dropped, dropped_is_upper_bound, rates }) => {
        if (linktype === undefined || excluded !== undefined) return [];
        const file = files.get(linktype) ?? countedFile(linktype, []);
        const rate = rates.length === 0 ? {} : { sample_rate: Math.max(...rates.map((span) => span.rate)) };
        const bound = dropped_is_upper_bound === true ? { dropped_is_upper_bound } : {};
        return [{ linktype, ...file, dropped, ...bound, ...rate, truncated: packets >= request.packet_limit }];
      }),
      covered: coveredOf(coverage, request),
      ...(text === undefined ? {} : { coverage: text }),
      ...(missing === undefined ? {} : { missing }),
    };
  }
}

/** How much of the window an interface's samples cover. What one link type does not cover another may. */
function coveredOf(coverage: readonly InterfaceCoverage[], window: LookbackRequest): Covered {
  const shares = coverage.map((one) => one.covered ?? coveredShare(window, one.gaps));
  if (shares.length === 0 || shares.includes('nothing')) return 'nothing';
  return shares.includes('part') ? 'part' : 'whole';
}

/** How often to ask for samples up to `to`: no more where they are there. */
function mostTries(coverage: readonly InterfaceCoverage[], to: bigint): number {
  const open = coverage.filter((one) => one.excluded === undefined && one.gaps.some((gap) => gap.to === to));
  if (open.some((one) => one.watermark !== undefined && one.watermark < to)) return behind_tries;
  return open.length > 0 ? away_tries : 1;
}

function countedFile(
  linktype: number,
  records: readonly Uint8Array[],
): Pick<FetchedStream, 'file' | 'packets' | 'bytes'> {
  const file = [encodePcapHeader({ linktype, snaplen: limits.sample_snaplen_bytes }), ...records];
  const reader = createCaptureReader();
  let [packets, bytes] = [0, 0];
  for (const chunk of file) {
    for (const batch of reader.push(chunk)) {
      packets += batch.count;
      for (let record = 0; record < batch.count; record += 1) bytes += batch.captured[record] ?? 0;
    }
  }
  reader.end();
  return { file, packets, bytes };
}
