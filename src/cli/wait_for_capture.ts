import type { ApiClient } from '../client/api_client.ts';
import { ApiError } from '../client/api_error.ts';
import { FaultError } from '../model/errors/fault.ts';
import { isFinal } from '../model/status.ts';
import type { CaptureResponse } from '../wire/http/capture_response.ts';
import { type CommandContext, note } from './command_context.ts';
import { createProgress } from './progress.ts';

const poll_first_ms = 100;
const poll_most_ms = 1000;
/** How long a server may be away before waiting for a capture ends with an error: the capture goes on meanwhile. */
const away_most_ms = 120_000;

/**
 * Waits until a capture has ended, and shows its progress. Ctrl-C, or SIGTERM, stops a full capture, as it stops tcpdump, and the wait
 * goes on for what it has; a second one, and the first for a look-back, leaves it to itself: then undefined.
 *
 * @param interrupted the first has come already
 */
export async function waitForCapture(
  client: ApiClient,
  begun: CaptureResponse,
  { io }: CommandContext,
  interrupted = false,
): Promise<CaptureResponse | undefined> {
  const progress = createProgress(io);
  let interrupts = interrupted ? 1 : 0;
  let wake = (): void => undefined;
  const unsubscribe = io.onInterrupt(() => {
    interrupts += 1;
    wake();
  });
  let capture = begun;
  let interval_ms = poll_first_ms;
  let away_since: number | undefined;
  let stopped = false;
  try {
    for (;;) {
      progress.capture(capture);
      if (isFinal(capture.status)) return capture;
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      if (interrupts === 0 || stopped || away_since !== undefined) await Promise.race([io.sleep(interval_ms), woken]);
      interval_ms = Math.min(poll_most_ms, interval_ms * 1.5);
      if (interrupts > 1 || (interrupts > 0 && capture.type === 'simple')) {
        progress.clear();
        note(io, `the capture goes on by itself: "edgetap show ${capture.id}" says how far it is.`);
        return undefined;
      }
      try {
        if (interrupts > 0 && !stopped) {
          progress.clear();
          note(io, 'stopping the capture; its result follows (Ctrl-C again leaves it).');
          await client.stopCapture(capture.id);
          stopped = true;
          interval_ms = poll_first_ms;
        }
        capture = await client.getCapture(capture.id);
        away_since = undefined;
      } catch (error) {
        if (!isPassing(error)) throw error;
        if (away_since === undefined) {
          progress.clear();
          note(io, `${error.message}; trying again.`);
        }
        away_since ??= io.monotonic();
        if (io.monotonic() - away_since > away_most_ms) throw error;
      }
    }
  } finally {
    progress.clear();
    unsubscribe();
  }
}

/** A failure that a restart of the server explains. */
function isPassing(error: unknown): error is Error {
  if (error instanceof ApiError) return error.status >= 500;
  return error instanceof FaultError && error.faults[0].name === 'server_unreachable';
}
