import type { Bucket, Upload } from '../../bucket/bucket.ts';
import type { CaptureRecord, PartRecord } from '../../model/record.ts';
import type { CaptureEvent } from '../../plan/capture_event.ts';
import { encodePcapHeader } from '../../pcap/pcap_header.ts';
import { linkTypes } from '../../pcap/link_type.ts';
import { type FilePart, mergeFiles } from '../../pcap/merge_files.ts';
import { filterText } from '../../filter/filter_text.ts';
import { resultName, stagingName } from '../delivery/place_of.ts';

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
 * constant memory. Throws the buckets' faults; nothing is left half written.
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
  const { packet_limit } = spec;
  const byte_limit = spec.type === 'full' ? spec.byte_limit : undefined;
  const merged = mergeFiles(
    arrived.length === 0 ? [emptyPart()] : arrived.map((part) => filePart(record, part, places.staging)),
    {
      format: spec.format,
      application: places.application,
      comment: `edgetap capture ${record.id}`,
      ...(packet_limit === undefined ? {} : { packet_limit }),
      ...(byte_limit === undefined ? {} : { byte_limit }),
    },
  );
  const stored = await places.target.putStream(resultName(record), merged, {
    piece_bytes,
    content_type: spec.format === 'pcap' ? 'application/vnd.tcpdump.pcap' : 'application/x-pcapng',
    signal,
    started: places.started,
  });
  const delivered = merged.counts.map((count) => BigInt(count.delivered_packets));
  return {
    packets: arrived.length === 0 ? 0n : delivered.reduce((sum, one) => sum + one, 0n),
    size_bytes: stored.size_bytes,
    sha256: stored.sha256,
    shares: arrived.map((part, index) => ({
      ordinal: part.ordinal,
      cut: (part.packets ?? delivered[index] ?? 0n) - (delivered[index] ?? 0n),
    })),
  };
}

function filePart(record: CaptureRecord, part: PartRecord, staging: Bucket): FilePart {
  const { spec } = record;
  const filter = [filterText(spec.filter_v1), spec.filter_expression ?? '']
    .filter((text) => text !== '')
    .map((text) => `(${text})`)
    .join(' and ');
  const written = part.packets ?? 0n;
  return {
    chunks: readStaged(staging, stagingName(part)),
    description: {
      name: part.interface,
      description: `${part.sensor} in ${part.colo}`,
      ...(filter === '' ? {} : { filter }),
    },
    statistics: {
      taken_at: record.deadline ?? record.submitted,
      ...(record.armed_at === undefined ? {} : { start_time: record.armed_at }),
      ...(record.deadline === undefined ? {} : { end_time: record.deadline }),
      ...(part.interface_dropped === undefined ? {} : { interface_dropped: part.interface_dropped }),
      ...(part.dropped === undefined ? {} : { os_dropped: part.dropped, accepted: written + part.dropped }),
    },
  };
}

async function* readStaged(staging: Bucket, key: string): AsyncGenerator<Uint8Array, void, void> {
  const { body } = await staging.readObject(key);
  for await (const chunk of body) yield chunk as Uint8Array;
}

function emptyPart(): FilePart {
  const header = encodePcapHeader({ linktype: linkTypes.ethernet, snaplen: 262_144 });
  return { chunks: [header] };
}
