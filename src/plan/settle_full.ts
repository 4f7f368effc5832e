import type { CaptureRecord, PartRecord } from '../model/record.ts';
import { awaitedPasts } from './awaited_pasts.ts';
import type { CaptureState, Step } from './capture_state.ts';
import { earlier } from './earlier.ts';
import type { MachineTimes } from './machine_times.ts';
import { partialReasons } from './partial_reasons.ts';
import { seconds } from './seconds.ts';
import { sensorsOf } from './sensors_of.ts';

/** The next status that a full capture's parts call for; undefined when it stays where it is. */
export function settleFull(state: CaptureState, at: bigint, times: MachineTimes): Step | undefined {
  const { record, parts } = state;
  const has = (...phases: readonly PartRecord['phase'][]): boolean => parts.some((part) => phases.includes(part.phase));
  const became = (change: Partial<CaptureRecord>): Step => ({
    state: { record: { ...record, ...change }, parts },
    effects: [],
  });
  switch (record.status) {
    case 'pending':
      if (record.armed_at !== undefined) return became({ status: 'running' });
      if (has('assigned') && record.stop_requested === undefined) return undefined;
      return has('assigned', 'ended', 'uploaded')
        ? became({ status: 'conversion_pending', deadline: earlier(record.deadline, at) })
        : giveUp(state, at);
    case 'running':
      // A sensor that goes on living and never tells of an end has lost its part.
      if (has('assigned', 'armed')) return expired(state, at, times) ? giveUp(state, at) : undefined;
      if (!has('ended', 'uploaded')) return giveUp(state, at);
      return became({ status: 'conversion_pending', deadline: earlier(record.deadline, at) });
    case 'conversion_pending':
      if (has('assigned', 'armed', 'ended')) return expired(state, at, times) ? giveUp(state, at) : undefined;
      if (!has('uploaded')) return giveUp(state, at);
      // Given up by a tick, if it does not come.
      return awaitedPasts(state).length > 0 ? undefined : gather(state, at);
    case 'unknown':
      return expired(state, at, times) ? giveUp(state, at) : undefined;
    case 'conversion_running':
    case 'success':
    case 'complete':
    case 'failed':
      return undefined;
  }
}

function expired(state: CaptureState, at: bigint, times: MachineTimes): boolean {
  return at > (state.record.deadline ?? state.record.submitted) + seconds(times.expiry_s);
}

/** Everything that will come has come: one direct part is the delivered file already, anything else is converted. */
function gather(state: CaptureState, at: bigint): Step {
  const { record, parts } = state;
  const [only] = parts;
  if (record.delivery !== 'direct' || parts.length !== 1 || only?.sha256 === undefined) {
    return { state: { ...state, record: { ...record, status: 'conversion_running' } }, effects: [{ kind: 'convert' }] };
  }
  const reasons = partialReasons(state);
  const { error_message: _trouble, ...rest } = record;
  return {
    state: {
      parts: [{ ...only, cut: 0n }],
      record: {
        ...rest,
        status: reasons.length === 0 ? 'success' : 'complete',
        ended_at: at,
        sha256: only.sha256,
        ...(only.size_bytes === undefined ? {} : { size_bytes: only.size_bytes }),
        ...(reasons.length === 0 ? {} : { error_message: reasons.join('; ') }),
      },
    },
    effects: [{ kind: 'work_changed', sensors: sensorsOf(state) }, { kind: 'discard' }],
  };
}

/** Nothing to give. */
function giveUp(state: CaptureState, at: bigint): Step {
  const told = state.parts.flatMap((part) =>
    part.error === undefined ? [] : [`${part.sensor}/${part.interface}: ${part.error}`],
  );
  const reason =
    told.length > 0
      ? told.join('; ')
      : state.parts.length === 0
        ? 'no sensor could take this capture: none of the site has an interface that it could capture on'
        : 'no sensor delivered its part in time';
  return {
    state: { ...state, record: { ...state.record, status: 'failed', ended_at: at, error_message: reason } },
    effects: [{ kind: 'work_changed', sensors: sensorsOf(state) }, { kind: 'discard' }],
  };
}
