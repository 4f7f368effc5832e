import type { CliIo } from './cli_io.ts';
import type { ExitCode } from './exit_code.ts';

/** What every command is given. */
export interface CommandContext {
  readonly io: CliIo;
  /** Says how the program is to end, where that is not `ok`. */
  readonly end: (code: ExitCode) => void;
}

/** Writes a result. */
export function print(io: CliIo, text: string): void {
  io.stdout.write(text);
}

/** Writes a value as JSON, for people and programs alike. */
export function printJson(io: CliIo, value: unknown): void {
  io.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Tells the user something that is no result. */
export function note(io: CliIo, text: string): void {
  io.stderr.write(`edgetap: ${text}\n`);
}
