import type { Served } from '../support/serve.ts';
import { type ShownCapture, showCapture } from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';

/** What of an interface's samples a capture begins with. */
export interface ShownPast {
  readonly packets?: number;
  readonly bytes?: number;
  readonly dropped?: number;
  readonly sample_rate?: number;
  readonly truncated?: boolean;
  readonly coverage?: string;
  readonly error?: string;
}

/** An interface's line in a capture. */
export interface ShownSensor {
  readonly name: string;
  readonly interface: string;
  readonly status: string;
  readonly packets?: number;
  readonly bytes?: number;
  readonly dropped?: number;
  readonly cut?: number;
  readonly stop_reason?: string;
  readonly error?: string;
  /** What is or may be missing, and why. */
  readonly missing?: string;
  readonly sample_rate?: number;
  readonly packets_estimated?: number;
  readonly coverage?: string;
  readonly past?: ShownPast;
}

/** What a capture tells of its interfaces. */
export function sensorsOf(capture: ShownCapture): readonly ShownSensor[] {
  return (capture['sensors'] ?? []) as readonly ShownSensor[];
}

/** Waits until every interface of a capture captures, or has. */
export async function allArmed(served: Served, id: string): Promise<ShownCapture> {
  return await waitFor(
    async () => {
      const capture = await showCapture(served, id);
      const sensors = sensorsOf(capture);
      return (
        sensors.length > 0 && sensors.every((one) => ['running', 'done', 'excluded'].includes(one.status)) && capture
      );
    },
    { what: `capture ${id} to be armed everywhere`, every_ms: 10 },
  );
}
