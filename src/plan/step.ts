import { isFinal, type Status } from '../model/status.ts';
import type { CaptureEvent } from './capture_event.ts';
import type { CaptureState, Effect, Step } from './capture_state.ts';
import { judgeSilence } from './judge_silence.ts';
import type { MachineTimes } from './machine_times.ts';
import { settleFull } from './settle_full.ts';
import { takeDiscard } from './take_discard.ts';
import { takeFull } from './take_full.ts';
import { takeSimple } from './take_simple.ts';
import { transitions } from './transitions.ts';

/**
 * The status machine: what a capture is after an event, and what has to be done then. Pure. Repeated, late and
 * reordered events change nothing that they should not, and a final capture never changes.
 * Throws RangeError if it ever found itself taking a way that `transitions` does not have.
 */
export function step(state: CaptureState, event: CaptureEvent, times: MachineTimes): Step {
  if (isFinal(state.record.status)) return { state, effects: [] };
  const effects: Effect[] = [];
  const go = (from: CaptureState, next: Step): CaptureState => {
    checkHop(from.record.status, next.state.record.status);
    effects.push(...next.effects);
    return next.state;
  };
  if (event.kind === 'discard') return { state: go(state, takeDiscard(state, event)), effects };
  if (state.record.spec.type === 'simple') {
    return { state: go(state, takeSimple(state, event, times)), effects };
  }
  let current = go(state, takeFull(state, event, times));
  for (;;) {
    // Whatever status it comes to, silence is judged in that one too: the same tick again changes nothing.
    const silence = event.kind === 'tick' ? judgeSilence(current, event.at, event.heard, times) : undefined;
    const next = settleFull(current, event.at, times) ?? silence;
    if (next === undefined) return { state: current, effects };
    current = go(current, next);
  }
}

function checkHop(from: Status, to: Status): void {
  if (from !== to && !transitions[from].includes(to)) throw new RangeError(`no way leads from ${from} to ${to}`);
}
