import type { CaptureState } from './capture_state.ts';

/** The sensors of a capture, each once, in order. */
export function sensorsOf(state: CaptureState): readonly string[] {
  return [...new Set(state.parts.map((part) => part.sensor))];
}
