import { segmentFiles } from './segment_name.ts';
import { streamDirectory, type StreamName } from './stream_name.ts';

/** How a segment is named, to people and among all of a store: `eth0@1/0000000041.pcap`, its path in the store. */
export function segmentLabel(stream: StreamName, number: number): string {
  return `${streamDirectory(stream)}/${segmentFiles(number).sealed}`;
}
