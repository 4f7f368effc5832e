import type { ByteRuns } from './byte_runs.ts';

const recordHeaderBytes = 16;

/** Records at the beginning of some runs. */
export interface WholeRecords {
  readonly packets: number;
  /** Their captured bytes. */
  readonly bytes: number;
  /** Their length with record headers: where the last of them ends. */
  readonly file_bytes: number;
}

/** Which records lie wholly within the first `limit_bytes` of the runs? */
export function wholeRecords(runs: ByteRuns, viewOf: (memory: number) => DataView, limit_bytes: number): WholeRecords {
  let [packets, file_bytes] = [0, 0];
  for (let run = 0; run < runs.count; run += 1) {
    const view = viewOf(runs.memories[run] ?? 0);
    const end = runs.ends[run] ?? 0;
    let at = runs.starts[run] ?? 0;
    while (at < end) {
      const length = recordHeaderBytes + view.getUint32(at + 8, true);
      if (file_bytes + length > limit_bytes)
        return { packets, bytes: file_bytes - packets * recordHeaderBytes, file_bytes };
      packets += 1;
      file_bytes += length;
      at += length;
    }
  }
  return { packets, bytes: file_bytes - packets * recordHeaderBytes, file_bytes };
}
