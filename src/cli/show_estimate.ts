import type { EstimateResponse } from '../wire/http/estimate_response.ts';
import { type CommandContext, print, printJson } from './command_context.ts';
import { estimateText } from './estimate_text.ts';
import { exitCode } from './exit_code.ts';

/** Shows an estimate. The program ends as with a capture: complete where a part is missing, failed where there is nothing. */
export function showEstimate(
  estimate: EstimateResponse,
  options: { readonly json?: boolean },
  { io, end }: CommandContext,
): void {
  if (options.json === true) printJson(io, estimate);
  else print(io, estimateText(estimate));
  if (estimate.packets === undefined) end(exitCode.failed);
  else if (estimate.error_message !== undefined) end(exitCode.partial);
}
