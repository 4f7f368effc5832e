import { type Command, CommanderError } from 'commander';
import { ApiError } from '../client/api_error.ts';
import type { FaultName } from '../model/errors/catalogue.ts';
import { FaultError } from '../model/errors/fault.ts';
import { cliWords } from './cli_words.ts';
import type { CliIo } from './cli_io.ts';
import { exitCode, type ExitCode } from './exit_code.ts';
import { plainText } from './human.ts';
import { registerClientCommands } from './register_client_commands.ts';

/**
 * Runs the command line: the commands that `program` has already, and every one that talks to a server. Gives the exit code; errors
 * are told on standard error, a line each, as `edgetap: …`. What is neither a fault nor a refusal is a defect and thrown on.
 *
 * @param argv without the names of the runtime and the script
 */
export async function runCli(program: Command, argv: readonly string[], io: CliIo): Promise<number> {
  let code: number = exitCode.ok;
  registerClientCommands(program, {
    io,
    end: (as: ExitCode) => {
      code = as;
    },
  });
  prepare(program, io);
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
    const told = tell(error);
    if (told === undefined) throw error;
    for (const line of told.lines) io.stderr.write(`edgetap: ${plainText(line)}\n`);
    return told.code;
  }
  return code;
}

/** Makes commander write where we write and throw where it would exit, in every command. */
function prepare(command: Command, io: CliIo): void {
  command
    .exitOverride()
    .showHelpAfterError(`Run "edgetap ${pathOf(command)}--help" for what is possible.`)
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(`edgetap: ${text.replace(/^error: /, '')}`),
      getOutHelpWidth: () => io.stdout.columns ?? 100,
      getErrHelpWidth: () => io.stderr.columns ?? 100,
    });
  for (const inner of command.commands) prepare(inner, io);
}

function pathOf(command: Command): string {
  return command.parent === null ? '' : `${pathOf(command.parent)}${command.name()} `;
}

function tell(error: unknown): { readonly lines: readonly string[]; readonly code: ExitCode } | undefined {
  if (error instanceof ApiError) {
    const lines = error.errors.map(({ code, message, pointer }) => {
      return `${cliWords(message)} (${code}${pointer === undefined || pointer === '' ? '' : `, ${pointer}`})`;
    });
    return { lines, code: exitCode.refused };
  }
  if (!(error instanceof FaultError)) return undefined;
  return {
    lines: error.faults.map((one) => one.message),
    code: faultCodes.get(error.faults[0].name) ?? exitCode.failed,
  };
}

/** How faults of this side end the program; all others as `failed`. */
const faultCodes: ReadonlyMap<FaultName, ExitCode> = new Map([
  ['url_missing', exitCode.usage],
  ['config_unreadable', exitCode.usage],
  ['setting_invalid', exitCode.usage],
  ['setting_unknown', exitCode.usage],
  ['server_unreachable', exitCode.unreachable],
  ['answer_unreadable', exitCode.unreachable],
]);
