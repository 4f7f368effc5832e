import type { CaptureRecord, PartRecord } from '../../model/record.ts';

/** The name of a delivered file, in a bucket's directory and as a download. */
export function resultName(record: CaptureRecord): string {
  return `pcap_${record.id}.${record.spec.format}`;
}

/** Where a part waits for conversion, under the staging root. */
export function stagingName(part: PartRecord): string {
  return `${part.capture_id}-${part.ordinal}.pcap`;
}

/** Where samples of a part's past wait for conversion: named after what they are, so that writing them again changes nothing. */
export function pastName(part: PartRecord, sha256: string): string {
  return `${part.capture_id}-${part.ordinal}-past-${sha256.slice(0, 32)}.pcap`;
}

/** What such a name says of the content: the first of its SHA-256. */
export function pastDigest(key: string): string {
  return /-past-([0-9a-f]{32})\.pcap$/.exec(key)?.[1] ?? key;
}
