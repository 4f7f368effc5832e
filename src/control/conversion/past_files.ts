import type { Bucket } from '../../bucket/bucket.ts';
import { limits } from '../../model/limits.ts';
import type { PastStream } from '../../model/past.ts';
import type { CaptureRecord, PartRecord } from '../../model/record.ts';
import type { FilePart } from '../../pcap/merge_files.ts';
import type { SourceCounts } from '../../pcap/merge_records.ts';
import { encodePcapHeader } from '../../pcap/pcap_header.ts';
import type { PastShare } from '../../plan/capture_event.ts';
import { laterThanFirst } from '../../plan/later_than_first.ts';
import { seconds } from '../../plan/seconds.ts';
import { interfaceText } from './interface_text.ts';
import { pastDigest } from '../delivery/place_of.ts';
import { readStaged, type StagedFile, type StagedRemains } from './read_staged.ts';

/** One stream of one part's past, as a file to be merged. */
export interface PastFile {
  readonly ordinal: number;
  readonly packets: number;
  readonly file: FilePart;
  /** Why it was left out. */
  readonly lost?: string;
}

/** The pasts of a capture's parts in their total order: also of parts whose present did not arrive. */
export function pastFiles(
  record: CaptureRecord,
  parts: readonly PartRecord[],
  staging: Bucket,
  damaged: ReadonlyMap<string, StagedRemains>,
): readonly PastFile[] {
  return parts.flatMap((part) =>
    (part.past?.streams ?? []).map((stream) => {
      const remains = stream.key === undefined ? undefined : damaged.get(stream.key);
      return {
        ordinal: part.ordinal,
        packets: remains === undefined ? Number(stream.packets) : 0,
        file: pastFile(record, part, stream, staging, remains),
        ...(remains === undefined ? {} : { lost: remains.reason }),
      };
    }),
  );
}

/** What is known of a staged past by its name alone. */
export function pastFileOf(key: string): StagedFile {
  return { key, sha256: pastDigest(key), sums: [] };
}

function pastFile(
  record: CaptureRecord,
  part: PartRecord,
  stream: PastStream,
  staging: Bucket,
  damaged: StagedRemains | undefined,
): FilePart {
  const { spec, submitted } = record;
  const { linktype, key, sample_rate, dropped } = stream;
  const end_time = part.armed_at ?? submitted;
  const lookback_s = spec.type === 'full' ? (spec.lookback_s ?? 0) : 0;
  const snaplen = limits.sample_snaplen_bytes;
  const kept = sample_rate === undefined ? '' : ` 1 in ${sample_rate} kept,`;
  return {
    chunks:
      key === undefined || damaged !== undefined
        ? [encodePcapHeader({ linktype, snaplen })]
        : readStaged(staging, pastFileOf(key)),
    description: { ...interfaceText(spec, part), comment: `samples,${kept} first ${snaplen} bytes` },
    statistics: {
      taken_at: end_time,
      start_time: end_time - laterThanFirst(part, record) - seconds(lookback_s),
      end_time,
      os_dropped: dropped,
    },
  };
}

/** What of each past has got into the file; `counts` begin with theirs. */
export function pastShares(pasts: readonly PastFile[], counts: readonly SourceCounts[]): readonly PastShare[] {
  const given = pasts.map(({ ordinal, lost }, index) => ({
    ordinal,
    lost,
    packets: BigInt(counts[index]?.delivered_packets ?? 0),
    bytes: BigInt(counts[index]?.delivered_bytes ?? 0),
  }));
  return [...Map.groupBy(given, ({ ordinal }) => ordinal)].map(([ordinal, streams]) => ({
    ordinal,
    streams: streams.map(({ packets, bytes }) => ({ packets, bytes })),
    ...lostOf(streams.map(({ lost }) => lost)),
  }));
}

function lostOf(reasons: readonly (string | undefined)[]): { readonly lost?: string } {
  const lost = reasons.filter((reason) => reason !== undefined);
  return lost.length === 0 ? {} : { lost: lost.join('; ') };
}
