import { raise } from '../model/errors/fault.ts';
import { HeadHeap } from './head_heap.ts';
import { createMergedBatch, firstInversion, type MergedBatch } from './merged_batch.ts';
import type { RecordBatch } from './record_batch.ts';

/**
 * The `packet_limit` newest packets of several answers, in ascending order. Each answer is one whole batch in ascending time.
 * Packets of the same time are ordered by (answer, record), so the answers must come in their order: by sensor, then by
 * interface. Throws `pcap_unordered` where an answer goes back in time.
 */
export function newestOf(answers: readonly RecordBatch[], packet_limit: number): MergedBatch {
  const total = answers.reduce((sum, answer) => sum + answer.count, 0);
  const merged = createMergedBatch(answers.length, Math.min(total, packet_limit));
  const heap = new HeadHeap(answers.length, 'newest');
  const left = new Uint32Array(answers.length);
  for (const [source, answer] of answers.entries()) {
    const inverted = firstInversion(answer);
    if (inverted >= 0) raise('pcap_unordered', { packet: inverted + 1, source });
    merged.batches[source] = answer;
    left[source] = answer.count;
    if (answer.count > 0) add(heap, source, answer);
  }
  // From the newest packet backwards, so the places are filled from the last.
  for (let place = merged.sources.length - 1; place >= 0; place--) {
    const source = heap.top;
    const answer = merged.batches[source];
    const record = (left[source] ?? 0) - 1;
    merged.sources[place] = source;
    merged.records[place] = record;
    left[source] = record;
    if (record > 0) heap.replaceTop(answer?.seconds[record - 1] ?? 0, answer?.nanos[record - 1] ?? 0);
    else heap.removeTop();
  }
  merged.count = merged.sources.length;
  return merged;
}

function add(heap: HeadHeap, source: number, answer: RecordBatch): void {
  const last = answer.count - 1;
  heap.add(source, answer.seconds[last] ?? 0, answer.nanos[last] ?? 0, source);
}
