import { type LookbackView, prepareLookback } from './lookback.ts';
import type { TalliedPackets } from './packet_tally.ts';
import type { Stream } from './stream.ts';
import type { TallyAnswer, TallyQuery } from './tally.ts';
import type { TallyJob, TallyResult } from './tally_segments.ts';

/** A tally that is ready to scan. `close` closes its files, whatever became of them in the meantime. */
export interface PreparedTally {
  readonly job: TallyJob;
  /** The streams that the numbers in the job stand for. */
  readonly streams: readonly Stream[];
  answer(result: TallyResult): TallyAnswer;
  close(): void;
}

const nothing: TalliedPackets = {
  packets: 0n,
  captured_bytes: 0n,
  packets_estimated: 0n,
  bytes_estimated: 0n,
  talkers: [],
};

/**
 * Takes down what there is at this moment and opens the files that the window touches, all at once. `hash_seed` must be unpredictable.
 *
 * @throws FaultError `lookback_failed` where a file is there and cannot be opened.
 */
export function prepareTally(query: TallyQuery, view: LookbackView, hash_seed: number): PreparedTally {
  // It reads what a look-back of the same window would read.
  const prepared = prepareLookback({ ...query, packet_limit: 1 }, view);
  const { job, streams } = prepared;
  const known = prepared.coverage({ damage: [], unjudged: [] }, () => 0);
  const same = (
    one: { interface: string; linktype?: number },
    other: { interface: string; linktype?: number },
  ): boolean => one.interface === other.interface && one.linktype === other.linktype;
  const rates = streams.map((stream) => known.find((one) => same(one, stream))?.rates ?? []);
  return {
    job: { ...job, rates, hash_seed },
    streams,
    answer: ({ streams: found, damage, unjudged }) => {
      const totalOf = (stream: number): TalliedPackets | undefined => found.find((one) => one.stream === stream)?.total;
      const coverage = prepared.coverage({ damage, unjudged }, (stream) => Number(totalOf(stream)?.packets ?? 0n));
      return {
        interfaces: coverage.map((one) => ({
          ...one,
          ...(totalOf(streams.findIndex((stream) => same(stream, one))) ?? nothing),
        })),
      };
    },
    close: () => prepared.close(),
  };
}
