import type { Bucket, Upload } from '../../bucket/bucket.ts';
import type { CaptureRecord, PartRecord } from '../../model/record.ts';
import type { CaptureEvent } from '../../plan/capture_event.ts';
import { encodePcapHeader } from '../../pcap/pcap_header.ts';
import { linkTypes } from '../../pcap/link_type.ts';
import { type FilePart, mergeFiles } from '../../pcap/merge_files.ts';
import { encodeSectionHeader } from '../../pcap/pcapng_encode.ts';
import { limits } from '../../model/limits.ts';
import { resultName, stagingName } from '../delivery/place_of.ts';
import { interfaceText } from './interface_text.ts';
import { pastFiles, pastShares } from './past_files.ts';
import { readStaged } from './read_staged.ts';

/** Where conversion reads and writes. */
export interface ConversionPlaces {
  readonly staging: Bucket;
  readonly target: Bucket;
  /** Name and version of this program, for files that have a place for it. */
  readonly application: string;
  /** Hears of the upload of the delivered file before its first piece is sent. */
  readonly started: (upload: Upload) => Promise<void>;
}

/**
 * Makes the delivered file of a full capture's parts: merged by time, cut to the limits, written and confirmed, in
 * constant memory. Their pasts are merged with them: the newest of these within their own limit, which no other limit cuts. Throws the buckets' faults; nothing is left half written.
 */
export async function convert(
  record: CaptureRecord,
  parts: readonly PartRecord[],
  places: ConversionPlaces,
  signal: AbortSignal,
): Promise<Omit<Extract<CaptureEvent, { kind: 'converted' }>, 'kind' | 'at'>> {
  const { spec, piece_bytes } = record;
  // A part without a checksum was stopped before it began: it has nothing.
  const arrived = parts.filter((part) => part.phase === 'uploaded' && part.sha256 !== undefined);
  const pasts = pastFiles(record, parts, places.staging);
  const presents = arrived.map((part) => filePart(record, part, places));
  const { packet_limit } = spec;
  const byte_limit = spec.type === 'full' ? spec.byte_limit : undefined;
  const files = [...pasts.map(({ file }) => file), ...presents];
  const merged = mergeFiles(files.length === 0 ? [emptyPart()] : files, {
    format: spec.format,
    application: places.application,
    comment: `edgetap capture ${record.id}`,
    ...(packet_limit === undefined ? {} : { packet_limit }),
    ...(byte_limit === undefined ? {} : { byte_limit }),
    past_sources: pasts.length,
    past_skip: Math.max(0, pasts.reduce((sum, { packets }) => sum + packets, 0) - limits.past_packets_max),
  });
  const stored = await places.target.putStream(resultName(record), merged, {
    piece_bytes,
    content_type: spec.format === 'pcap' ? 'application/vnd.tcpdump.pcap' : 'application/x-pcapng',
    signal,
    started: places.started,
  });
  const delivered = merged.counts.slice(pasts.length).map((count) => BigInt(count.delivered_packets));
  return {
    packets: arrived.length === 0 ? 0n : delivered.reduce((sum, one) => sum + one, 0n),
    size_bytes: stored.size_bytes,
    sha256: stored.sha256,
    shares: arrived.map((part, index) => ({
      ordinal: part.ordinal,
      cut: (part.packets ?? delivered[index] ?? 0n) - (delivered[index] ?? 0n),
    })),
    pasts: pastShares(pasts, merged.counts),
  };
}

function filePart(record: CaptureRecord, part: PartRecord, { staging, application }: ConversionPlaces): FilePart {
  const { spec } = record;
  const start_time = part.armed_at ?? record.armed_at;
  const written = part.packets ?? 0n;
  // The file of one that never began says Ethernet, whatever its interface is: it counts as without an interface of its own.
  const began = part.armed_at !== undefined || written > 0n;
  return {
    chunks: began ? readStaged(staging, stagingName(part)) : [encodeSectionHeader(application)],
    description: {
      ...interfaceText(spec, part),
      ...(spec.type === 'full' && spec.lookback_s !== undefined ? { comment: 'full capture' } : {}),
    },
    statistics: {
      taken_at: record.deadline ?? record.submitted,
      ...(start_time === undefined ? {} : { start_time }),
      ...(record.deadline === undefined ? {} : { end_time: record.deadline }),
      ...(part.interface_dropped === undefined ? {} : { interface_dropped: part.interface_dropped }),
      ...(part.dropped === undefined ? {} : { os_dropped: part.dropped, accepted: written + part.dropped }),
    },
  };
}

function emptyPart(): FilePart {
  const header = encodePcapHeader({ linktype: linkTypes.ethernet, snaplen: 262_144 });
  return { chunks: [header] };
}
