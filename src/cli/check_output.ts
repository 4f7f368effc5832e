import type { Command } from 'commander';
import type { CliIo } from './cli_io.ts';

/** Ends with wrong usage when a file would go to where text goes. Called before anything is asked of the server. */
export function checkOutput(
  command: Command,
  { output, json }: { readonly output?: string; readonly json?: boolean },
  { stdout }: Pick<CliIo, 'stdout'>,
): void {
  if (output !== '-') return;
  if (json === true) command.error('--json and -o - would both write to standard output');
  if (stdout.isTTY === true) command.error('a capture file is no text for a terminal: pipe it on, or say -o FILE');
}
