import type { Bucket, Upload } from '../../bucket/bucket.ts';
import { type Fault, FaultError, fault } from '../../model/errors/fault.ts';
import type { StagedSum } from '../../db/uploads.ts';
import { convertedFileBytes, pieceSize } from '../../model/piece_size.ts';
import type { CaptureRecord, PartRecord } from '../../model/record.ts';
import type { TimeNs } from '../../model/time.ts';
import type { CaptureEvent, PartShare } from '../../plan/capture_event.ts';
import { encodePcapHeader } from '../../pcap/pcap_header.ts';
import { linkTypes } from '../../pcap/link_type.ts';
import { type FilePart, mergeFiles } from '../../pcap/merge_files.ts';
import { encodeSectionHeader } from '../../pcap/pcapng_encode.ts';
import { limits } from '../../model/limits.ts';
import { resultName, stagingName } from '../delivery/place_of.ts';
import { interfaceText } from './interface_text.ts';
import { type PastFile, pastFileOf, pastFiles, pastShares } from './past_files.ts';
import {
  readRemains,
  readStaged,
  remainsOf,
  StagedDamage,
  type StagedFile,
  type StagedRemains,
} from './read_staged.ts';

/** Where conversion reads and writes. */
export interface ConversionPlaces {
  readonly staging: Bucket;
  readonly target: Bucket;
  /** Name and version of this program, for files that have a place for it. */
  readonly application: string;
  /** Hears of the upload of the delivered file before its first piece is sent. */
  readonly started: (upload: Upload) => Promise<void>;
  /** Hears of a staged file that is damaged. */
  readonly warn: (fault: Fault) => void;
}

type Converted = Omit<Extract<CaptureEvent, { kind: 'converted' }>, 'kind' | 'at'>;

/** What is known of the staged files of a capture. */
interface Staged {
  readonly sums: ReadonlyMap<string, readonly StagedSum[]>;
  /** What is left of those that have turned out to be damaged, by key. */
  readonly damaged: Map<string, StagedRemains>;
}

/**
 * Makes the delivered file of a full capture's parts: merged by time, cut to the limits, written and confirmed, in
 * constant memory. Their pasts are merged with them: the newest of these within their own limit, which no other limit cuts. Of a staged file
 * that is not what was written what is whole is taken, and the rest told. Throws the buckets' faults, and `staged_damaged` where nothing is
 * left; nothing is left half written.
 * @param sums what the staged parts were when they were written, by upload
 */
export async function convert(
  record: CaptureRecord,
  parts: readonly PartRecord[],
  sums: ReadonlyMap<string, readonly StagedSum[]>,
  places: ConversionPlaces,
  signal: AbortSignal,
): Promise<Converted> {
  const staged: Staged = { sums, damaged: new Map() };
  // A file that changes each time it is read ends this, too.
  for (let tries = 1; ; tries += 1) {
    try {
      return await convertOnce(record, parts, staged, places, signal);
    } catch (error) {
      const damage = error instanceof StagedDamage ? error : await damageBehind(error, parts, staged, places.staging);
      if (damage === undefined) throw error;
      const { key } = damage.file;
      const why = fault('staged_damaged', { key, reason: damage.message });
      if (tries > 3 * (parts.length + 1)) throw new FaultError([why], { cause: error });
      places.warn(why);
      staged.damaged.set(key, { ...(await remainsOf(places.staging, damage)), reason: why.message });
    }
  }
}

/** Readers meet what makes no sense in a damaged file before its checksum is looked at: is that why this was thrown? */
async function damageBehind(
  error: unknown,
  parts: readonly PartRecord[],
  staged: Staged,
  staging: Bucket,
): Promise<StagedDamage | undefined> {
  const name = error instanceof FaultError ? error.faults[0].name : '';
  if (!name.startsWith('pcap_') && name !== 'linktype_mixed') return undefined;
  const files = [
    ...arrivedOf(parts).map((part) => stagedFile(part, staged)),
    ...parts
      .flatMap((part) => part.past?.streams ?? [])
      .flatMap(({ key }) => (key === undefined ? [] : [pastFileOf(key)])),
  ];
  for (const file of files) {
    if (staged.damaged.has(file.key)) continue;
    try {
      const chunks = readStaged(staging, file);
      while ((await chunks.next()).done !== true);
    } catch (found) {
      if (found instanceof StagedDamage) return found;
      throw found;
    }
  }
  return undefined;
}

/** A part without a checksum was stopped before it began: it has nothing. */
function arrivedOf(parts: readonly PartRecord[]): readonly PartRecord[] {
  return parts.filter((part) => part.phase === 'uploaded' && part.sha256 !== undefined);
}

async function convertOnce(
  record: CaptureRecord,
  parts: readonly PartRecord[],
  staged: Staged,
  places: ConversionPlaces,
  signal: AbortSignal,
): Promise<Converted> {
  const { spec } = record;
  const arrived = arrivedOf(parts);
  const pasts = pastFiles(record, parts, places.staging, staged.damaged);
  const losses = arrived.map((part) => lossOf(part, staged.damaged.get(stagingName(part))));
  nothingLeft(arrived, losses, pasts);
  const presents = arrived.map((part) => filePart(record, part, staged, places));
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
    piece_bytes: pieceBytes(arrived, pasts),
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
      cut: (part.packets ?? delivered[index] ?? 0n) - (losses[index]?.packets ?? 0n) - (delivered[index] ?? 0n),
      ...(losses[index] === undefined ? {} : { lost: losses[index] }),
    })),
    pasts: pastShares(pasts, merged.counts),
  };
}

/** By what the file is made of: how much that can become is known now, and nothing larger than that is kept in memory. */
function pieceBytes(arrived: readonly PartRecord[], pasts: readonly PastFile[]): number {
  const bytes = arrived.reduce((sum, { size_bytes = 0n }) => sum + size_bytes, 0n);
  // Samples are short: at most 160 bytes, and what stands before them.
  const samples = pasts.reduce((sum, { packets }) => sum + packets, 0) * 256;
  return pieceSize(convertedFileBytes(bytes + BigInt(samples)));
}

function lossOf(part: PartRecord, remains: StagedRemains | undefined): PartShare['lost'] {
  if (remains === undefined) return undefined;
  const { packets, reason } = remains;
  return { packets: (part.packets ?? BigInt(packets)) - BigInt(packets), reason };
}

/** Throws where all that had arrived is lost. */
function nothingLeft(
  arrived: readonly PartRecord[],
  losses: readonly PartShare['lost'][],
  pasts: readonly PastFile[],
): void {
  const gone = arrived.every((part, index) => losses[index] !== undefined && losses[index].packets === part.packets);
  const [first] = losses;
  if (!gone || first === undefined || first.packets === 0n || pasts.some(({ packets }) => packets > 0)) return;
  throw new FaultError([{ ...fault('staged_damaged', { key: '', reason: '' }), message: first.reason }]);
}

function filePart(
  record: CaptureRecord,
  part: PartRecord,
  staged: Staged,
  { staging, application }: ConversionPlaces,
): FilePart {
  const { spec } = record;
  const end_time = record.deadline === undefined ? undefined : hostTime(part, record.deadline);
  const written = part.packets ?? 0n;
  // The file of one that never began says Ethernet, whatever its interface is: it counts as without an interface of its own.
  const began = part.armed_at !== undefined || written > 0n;
  return {
    chunks: began ? chunksOf(part, staged, staging) : [encodeSectionHeader(application)],
    description: {
      ...interfaceText(spec, part),
      ...(spec.type === 'full' && spec.lookback_s !== undefined ? { comment: 'full capture' } : {}),
    },
    statistics: {
      taken_at: end_time ?? hostTime(part, record.submitted),
      ...(part.armed_at === undefined ? {} : { start_time: part.armed_at }),
      ...(end_time === undefined ? {} : { end_time }),
      ...(part.interface_dropped === undefined ? {} : { interface_dropped: part.interface_dropped }),
      ...(part.dropped === undefined ? {} : { os_dropped: part.dropped, accepted: written + part.dropped }),
    },
  };
}

/** A moment of the database's clock as the clock shows it that stamps the part's packets. */
function hostTime({ armed_at, began_at }: PartRecord, at: TimeNs): TimeNs {
  return armed_at === undefined || began_at === undefined ? at : at - began_at + armed_at;
}

function stagedFile(part: PartRecord, { sums }: Staged): StagedFile {
  const { size_bytes, sha256 = '', upload_id = '' } = part;
  return {
    key: stagingName(part),
    sha256,
    sums: sums.get(upload_id) ?? [],
    ...(size_bytes === undefined ? {} : { size_bytes }),
  };
}

function chunksOf(part: PartRecord, staged: Staged, staging: Bucket): AsyncIterable<Uint8Array> {
  const file = stagedFile(part, staged);
  const remains = staged.damaged.get(file.key);
  if (remains === undefined) return readStaged(staging, file);
  const header = encodePcapHeader({ linktype: part.linktype ?? linkTypes.ethernet, snaplen: 262_144 });
  return readRemains(staging, file, remains, header);
}

function emptyPart(): FilePart {
  const header = encodePcapHeader({ linktype: linkTypes.ethernet, snaplen: 262_144 });
  return { chunks: [header] };
}
