import type { ApiClient } from '../client/api_client.ts';
import type { CaptureResponse } from '../wire/http/capture_response.ts';
import { captureSum } from './capture_sum.ts';
import { captureText, reachText } from './capture_text.ts';
import { type CommandContext, note, print, printJson } from './command_context.ts';
import { exitCode } from './exit_code.ts';
import { countText, plainText } from './human.ts';
import { saveFile } from './save_file.ts';
import { waitForCapture } from './wait_for_capture.ts';

/** What to do with a capture once it was asked for. */
export interface FinishOptions {
  readonly wait?: boolean;
  readonly output?: string;
  readonly json?: boolean;
}

/**
 * Follows a capture as far as the user wants: prints it, or waits for its end, or saves its file too. One that was interrupted while it was
 * asked for is stopped.
 */
export async function finishCapture(
  client: ApiClient,
  begun: CaptureResponse,
  options: FinishOptions,
  context: CommandContext,
  interrupted = false,
): Promise<void> {
  const { io, end } = context;
  const { output } = options;
  const waits = options.wait === true || output !== undefined || interrupted;
  const capture = waits ? await waitForCapture(client, begun, context, interrupted) : begun;
  if (capture === undefined) {
    end(exitCode.interrupted);
    return;
  }
  if (options.json === true) printJson(io, capture);
  else if (!waits) print(io, `${capture.id}\n`);
  else if (output === undefined) print(io, captureText(capture));
  if (!waits) {
    if (options.json !== true)
      note(io, `the capture is ${capture.status}; "edgetap show ${capture.id}" says how far it is.`);
    return;
  }
  sayOutcome(capture, context);
  if (capture.status === 'failed' || output === undefined) return;
  const saved = await saveFile(client, capture.id, output, context);
  if (saved.outcome === 'interrupted') end(exitCode.interrupted);
  if (saved.outcome === 'saved') note(io, `wrote ${plainText(saved.path)}.`);
}

/** Says in a line how a capture ended, and ends the program accordingly. */
function sayOutcome(capture: CaptureResponse, { io, end }: CommandContext): void {
  const { packets, dropped } = captureSum(capture);
  const bound = capture.packets_dropped_is_upper_bound === true ? 'at most ' : '';
  const counts = [
    packets === undefined ? [] : [`${countText(packets)} packets`],
    dropped === undefined ? [] : [`${bound}${countText(dropped)} dropped`],
  ].flat();
  const problem = problemOf(capture);
  const why = problem === undefined ? '' : `: ${plainText(problem)}`;
  const figures = counts.length === 0 ? '' : ` (${counts.join(', ')})`;
  if (capture.status === 'failed') {
    end(exitCode.failed);
    note(io, `the capture failed${why}`);
  } else if (capture.status === 'complete') {
    end(exitCode.partial);
    note(io, `the capture is partial${figures}${why}`);
  } else {
    note(io, `the capture ended${figures}.`);
  }
  const reach = reachText(capture);
  if (reach !== undefined && capture.status !== 'failed') note(io, `packet_limit has cut it: ${plainText(reach)}.`);
  for (const part of capture.sensors ?? []) {
    if (part.note !== undefined) note(io, plainText(`${part.name} ${part.interface}: ${part.note}`));
  }
}

function problemOf(capture: CaptureResponse): string | undefined {
  if (capture.error_message !== undefined) return capture.error_message;
  const troubled = (capture.sensors ?? []).filter((part) => part.error !== undefined || part.status === 'no_answer');
  if (troubled.length === 0) return undefined;
  return troubled.map((part) => `${part.name} ${part.interface}: ${part.error ?? 'no answer'}`).join('; ');
}
