import { readSync } from 'node:fs';
import { pcapHeaderBytes } from '../pcap/pcap_header.ts';
import { keepWindow } from './keep_window.ts';
import { createPacketTally, type PacketTally, type TalliedPackets } from './packet_tally.ts';
import { createRateTrack, type RateTrack } from './rate_track.ts';
import type { ScanDamage, ScanJob, ScanMatcher, ScanPorts, ScanSegment } from './scan_segments.ts';
import type { RateSpan } from './segment_cover.ts';
import { joinTime, splitTime } from './split_time.ts';

/** What to count, and where. */
export interface TallyJob extends Pick<ScanJob, 'from' | 'to' | 'snaplen_bytes' | 'programs' | 'segments'> {
  /** The sampling rates of the streams, by their numbers. */
  readonly rates: readonly (readonly RateSpan[])[];
  readonly hash_seed: number;
}

/** What was counted, stream by stream; one without a packet is not in it. */
export interface TallyResult {
  readonly streams: readonly { readonly stream: number; readonly total: TalliedPackets }[];
  readonly damage: readonly ScanDamage[];
}

const default_chunk_bytes = 1 << 20;

/**
 * Counts all packets of a window that match, stream after stream: memory is that of one tally, whatever the store's size. Undefined
 * where it was cancelled.
 */
export function tallySegments(job: TallyJob, ports: ScanPorts): TallyResult | undefined {
  const streams: TallyResult['streams'][number][] = [];
  const damage: ScanDamage[] = [];
  const bytes = new Uint8Array(ports.chunk_bytes ?? default_chunk_bytes);
  for (const { stream, program } of job.programs) {
    const segments = job.segments.filter(
      (segment) => segment.stream === stream && segment.greatest > job.from && segment.least <= job.to,
    );
    if (segments.length === 0) continue;
    const rates = createRateTrack(job.rates[stream] ?? []);
    const tally = createPacketTally({ linktype: program.linktype, hash_seed: job.hash_seed });
    const matcher = ports.openMatcher(program);
    try {
      for (const segment of segments) {
        const found = tallySegment(segment, job, bytes, ports, { matcher, tally, rates });
        if (found === 'cancelled') return undefined;
        if (found !== undefined) damage.push(found);
      }
    } finally {
      matcher.close();
    }
    const total = tally.total();
    if (total.packets > 0n) streams.push({ stream, total });
  }
  return { streams, damage };
}

interface StreamTools {
  readonly matcher: ScanMatcher;
  readonly tally: PacketTally;
  readonly rates: RateTrack;
}

function tallySegment(
  segment: ScanSegment,
  job: TallyJob,
  bytes: Uint8Array,
  ports: ScanPorts,
  { matcher, tally, rates }: StreamTools,
): ScanDamage | 'cancelled' | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const window = { after: splitTime(job.from), until: splitTime(job.to) };
  let [position, greatest] = [pcapHeaderBytes, segment.least - 1n];
  while (position < segment.length) {
    if (ports.cancelled()) return 'cancelled';
    const got = readSync(segment.descriptor, bytes, 0, Math.min(bytes.length, segment.length - position), position);
    const kept = keepWindow(bytes, view, 0, got, job.snaplen_bytes, window);
    if (kept.end > 0) {
      const time = joinTime(kept.greatest_s, kept.greatest_ns);
      if (time > greatest) greatest = time;
    }
    const matched = matcher.match(bytes.subarray(0, kept.kept_end));
    tally.add(new DataView(matched.buffer, matched.byteOffset, matched.length), 0, matched.length, rates);
    position += kept.end;
    if (kept.damaged || kept.end === 0) {
      const to = segment.greatest;
      return { stream: segment.stream, from: greatest < to ? greatest : to - 1n, to };
    }
  }
  return undefined;
}
