import type { PartRecord } from '../model/record.ts';
import type { CaptureState, Step } from './capture_state.ts';
import type { MachineTimes } from './machine_times.ts';
import { seconds } from './seconds.ts';

/**
 * A full capture whose awaited parts are all of silent sensors is unknown, and goes on once one of them is heard of again; undefined where
 * that changes nothing. `heard` is when each sensor was last heard of.
 */
export function judgeSilence(
  { record, parts }: CaptureState,
  at: bigint,
  heard: ReadonlyMap<string, bigint>,
  times: MachineTimes,
): Step | undefined {
  const isSilent = ({ sensor }: PartRecord): boolean => (heard.get(sensor) ?? 0n) < at - seconds(times.unknown_after_s);
  const awaited = parts.filter((part) => part.phase === 'armed' || part.phase === 'ended');
  const silent = awaited.length > 0 && awaited.every(isSilent);
  const became = (status: 'unknown' | 'running' | 'conversion_pending'): Step => ({
    state: { record: { ...record, status }, parts },
    effects: [],
  });
  if (silent && (record.status === 'running' || record.status === 'conversion_pending')) return became('unknown');
  if (silent || record.status !== 'unknown') return undefined;
  return became(parts.some((part) => part.phase === 'armed') ? 'running' : 'conversion_pending');
}
