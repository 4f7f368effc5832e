import { createPacketTally, type TalliedPackets } from './packet_tally.ts';
import { createRateTrack } from './rate_track.ts';
import type { FoundDamage, ScanDamage, ScanJob } from './scan_job.ts';
import type { RateSpan } from './segment_cover.ts';
import { type UnjudgedPackets, visitMatches, type VisitPorts } from './visit_matches.ts';

/** What to count, and where. */
export interface TallyJob extends ScanJob {
  /** The sampling rates of the streams, by their numbers. */
  readonly rates: readonly (readonly RateSpan[])[];
  readonly hash_seed: number;
}

/** What was counted, stream by stream; one without a packet is not in it. */
export interface TallyResult {
  readonly streams: readonly { readonly stream: number; readonly total: TalliedPackets }[];
  readonly damage: readonly ScanDamage[];
  readonly found: readonly FoundDamage[];
  readonly unjudged: readonly UnjudgedPackets[];
}

/**
 * Counts all packets of a window that match, stream after stream: memory is that of one tally, whatever the store's size. Undefined
 * where it was cancelled.
 */
export function tallySegments(job: TallyJob, ports: VisitPorts): TallyResult | undefined {
  const streams: TallyResult['streams'][number][] = [];
  const damage: ScanDamage[] = [];
  const found: FoundDamage[] = [];
  const unjudged: UnjudgedPackets[] = [];
  for (const { stream } of job.filters) {
    const segments = job.segments.filter((segment) => segment.stream === stream);
    const [first] = segments;
    if (first === undefined) continue;
    const rates = createRateTrack(job.rates[stream] ?? []);
    const tally = createPacketTally({ linktype: first.linktype, hash_seed: job.hash_seed });
    const ended = visitMatches({ ...job, segments }, ports, {
      floor: undefined,
      visit: ({ view, start, end }) => tally.add(view, start, end, rates),
    });
    if (ended === undefined) return undefined;
    damage.push(...ended.damage);
    found.push(...ended.found);
    unjudged.push(...ended.unjudged);
    const total = tally.total();
    if (total.packets > 0n) streams.push({ stream, total });
  }
  return { streams, damage, found, unjudged };
}
