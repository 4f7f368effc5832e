import { parseTime } from '../../src/model/time.ts';
import type { Served } from './serve.ts';
import { captureBecomes, type ShownCapture } from './take_captures.ts';

/** What of a sensor's line says what its samples cover. */
interface ShownCover {
  readonly covered?: string;
  readonly samples_from?: string;
  readonly past?: { readonly covered?: string };
}

/**
 * Waits for the end of a capture that lost nothing: `success` where its sensors have sampled for all of the time that it looks back over,
 * `complete` where that began before the oldest sample, and nothing else. Throws where it is not so.
 */
export async function endsAsCovered(served: Served, id: string): Promise<ShownCapture> {
  const capture = await captureBecomes(served, id, ['success', 'complete']);
  requireAsCovered(capture);
  return capture;
}

/** The same of a capture that has ended. */
export function requireAsCovered(capture: ShownCapture): void {
  const begins =
    (parseTime(String(capture['offset_time'])) ?? 0n) - BigInt(Number(capture['time_limit'])) * 1_000_000_000n;
  const lacking = ((capture['sensors'] ?? []) as readonly ShownCover[]).filter(({ covered, samples_from, past }) => {
    if (capture['type'] === 'full') return past?.covered !== undefined && past.covered !== 'whole';
    const late = (parseTime(samples_from ?? '') ?? begins) > begins;
    if (late === (covered === 'whole'))
      throw new Error(`"covered" is not what the samples are: ${JSON.stringify(capture)}`);
    return late;
  });
  const expected = lacking.length === 0 ? 'success' : 'complete';
  const message = capture['error_message'];
  const told = (typeof message === 'string' ? message : '').split('before the oldest sample').length - 1;
  if (capture.status === expected && told === lacking.length) return;
  throw new Error(`${lacking.length} sensors lack time before their first sample: ${JSON.stringify(capture)}`);
}
