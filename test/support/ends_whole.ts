import type { Served } from './serve.ts';
import { captureBecomes, type ShownCapture } from './take_captures.ts';

const beganLate = /: it began [\d.]+ s after the first: what came there before is missing$/;

/** Why a capture is partial, but for interfaces that began seconds after the first, as on a busy machine: what a test sends comes after that. */
export function reasonsOf(capture: ShownCapture): readonly string[] {
  const message = capture['error_message'];
  return (typeof message === 'string' ? message.split('; ') : []).filter((reason) => !beganLate.test(reason));
}

/** Is it a success, or would be if all of its interfaces had begun at one time? */
export function isWhole(capture: ShownCapture): boolean {
  const expected = capture['error_message'] === undefined ? 'success' : 'complete';
  return capture.status === expected && reasonsOf(capture).length === 0;
}

/** Waits for the end of a capture that lacks nothing from when all of its interfaces had begun. */
export async function endsWhole(served: Served, id: string): Promise<ShownCapture> {
  const capture = await captureBecomes(served, id, ['success', 'complete']);
  if (!isWhole(capture)) throw new Error(`it is not whole: ${JSON.stringify(capture)}`);
  return capture;
}
