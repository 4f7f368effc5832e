import { segmentFiles } from './segment_name.ts';
import type { StreamName } from './stream_name.ts';

/** How a segment is named to people: `eth0/0000000041.pcap`. */
export function segmentLabel(stream: Pick<StreamName, 'interface'>, number: number): string {
  return `${stream.interface}/${segmentFiles(number).sealed}`;
}
