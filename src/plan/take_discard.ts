import type { PartRecord } from '../model/record.ts';
import type { CaptureEvent } from './capture_event.ts';
import type { CaptureState, Step } from './capture_state.ts';
import { sensorsOf } from './sensors_of.ts';

/** Ends a capture at once: what its sensors and the staging area have of it is to go. */
export function takeDiscard(state: CaptureState, event: Extract<CaptureEvent, { kind: 'discard' }>): Step {
  const { at, reason } = event;
  const parts = state.parts.map(
    (part): PartRecord =>
      part.phase === 'assigned' || part.phase === 'armed' || part.phase === 'ended'
        ? { ...part, phase: 'lost', error: reason }
        : part,
  );
  return {
    state: { parts, record: { ...state.record, status: 'failed', ended_at: at, error_message: reason } },
    effects: [{ kind: 'work_changed', sensors: sensorsOf(state) }, { kind: 'discard' }],
  };
}
