import type { CaptureRecord, PartRecord } from '../../model/record.ts';

/** The name of a delivered file, in a bucket's directory and as a download. */
export function resultName(record: CaptureRecord): string {
  return `pcap_${record.id}.${record.spec.format}`;
}

/** Where a part waits for conversion, under the staging root. */
export function stagingName(part: PartRecord): string {
  return `${part.capture_id}-${part.ordinal}.pcap`;
}
