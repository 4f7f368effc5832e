import type { PartRecord } from '../model/record.ts';
import { awaitedPasts } from './awaited_pasts.ts';
import type { CaptureState } from './capture_state.ts';

/** The parts of a capture, of which those whose past is still awaited will have none, and why. */
export function giveUpPasts(state: CaptureState, error: string): readonly PartRecord[] {
  const awaited = new Set(awaitedPasts(state).map((part) => part.ordinal));
  return state.parts.map((part) => (awaited.has(part.ordinal) ? { ...part, past: { streams: [], error } } : part));
}
