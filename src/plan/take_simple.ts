import type { CaptureRecord, PartRecord } from '../model/record.ts';
import type { CaptureEvent, LookbackShare } from './capture_event.ts';
import type { CaptureState, Step } from './capture_state.ts';
import type { MachineTimes } from './machine_times.ts';
import { lookbackOutcome } from './lookback_outcome.ts';
import { seconds } from './seconds.ts';

/** Takes an event into a look-back. */
export function takeSimple(
  state: CaptureState,
  event: Exclude<CaptureEvent, { kind: 'discard' }>,
  times: MachineTimes,
): Step {
  const { record } = state;
  const became = (change: Partial<CaptureRecord>, parts: readonly PartRecord[] = state.parts): Step => ({
    state: { record: { ...record, ...change }, parts },
    effects: [],
  });
  switch (event.kind) {
    case 'answering':
      return became(record.status === 'pending' ? { status: 'running' } : {});
    case 'merging':
      return became(record.status === 'running' ? { status: 'conversion_running' } : {});
    case 'answered':
      return record.status === 'conversion_running' ? takeAnswers(state, event) : became({});
    case 'convert_failed':
      return became({ status: 'failed', ended_at: event.at, error_message: event.reason });
    case 'tick':
      if (event.at <= record.submitted + seconds(times.expiry_s)) return became({});
      return became({ status: 'failed', ended_at: event.at, error_message: 'no sensor answered in time' });
    case 'trouble':
    case 'report':
    case 'uploaded':
    case 'past':
    case 'joined':
    case 'stop':
    case 'converted':
      return became({});
  }
}

function takeAnswers(state: CaptureState, event: Extract<CaptureEvent, { kind: 'answered' }>): Step {
  const parts = event.shares.map((share, ordinal) => partOf(state.record.id, share, ordinal));
  const answered = event.shares.filter((share) => share.outcome === 'answered');
  const { spec } = state.record;
  const to = spec.type === 'simple' ? spec.offset_time : event.at;
  const asked = { from: to - seconds(spec.time_limit_s), to };
  const outcome = lookbackOutcome(event.shares, event.packets, asked);
  if (outcome.status === 'failed') {
    return { state: { record: { ...state.record, ...outcome, ended_at: event.at }, parts }, effects: [] };
  }
  const rates = answered.flatMap((share) => (share.sample_rate === undefined ? [] : [share.sample_rate]));
  const estimates = answered.flatMap((share) => share.packets_estimated ?? []);
  const known = answered.every((share) => share.dropped !== undefined);
  const dropped = answered.reduce((total, share) => total + (share.dropped ?? 0n), 0n);
  const bound = answered.some((share) => share.dropped_is_upper_bound === true);
  const record: CaptureRecord = {
    ...state.record,
    ...outcome,
    ended_at: event.at,
    packets_captured: event.packets,
    size_bytes: event.size_bytes,
    sha256: event.sha256,
    ...(known ? { packets_dropped: dropped } : {}),
    ...(known && bound ? { packets_dropped_is_upper_bound: true } : {}),
    ...(rates.length === 0 ? {} : { sample_rate: Math.max(...rates) }),
    ...(estimates.length === 0 ? {} : { packets_estimated: estimates.reduce((sum, one) => sum + one, 0n) }),
    ...(event.truncated ? { truncated: true } : {}),
    ...(event.oldest_packet === undefined ? {} : { oldest_packet: event.oldest_packet }),
  };
  return { state: { record, parts }, effects: [] };
}

const phases = { answered: 'uploaded', no_answer: 'lost', failed: 'failed', excluded: 'excluded' } as const;

function partOf(captureId: string, share: LookbackShare, ordinal: number): PartRecord {
  const { outcome, ...told } = share;
  return { capture_id: captureId, ordinal, sequence: 0, phase: phases[outcome], ...told };
}
