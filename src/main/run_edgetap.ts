import { randomBytes, randomUUID } from 'node:crypto';
import { homedir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { exitCode } from '../cli/exit_code.ts';
import { runCli } from '../cli/run_cli.ts';
import { registerAccountCommands } from './account_command.ts';
import { registerCapturesCommands } from './captures_command.ts';
import { endProcess } from './end_process.ts';
import { errorStream } from './error_stream.ts';
import { edgetapVersion } from './edgetap_version.ts';
import { hostClocks } from './host_clocks.ts';
import { registerKeyCommands } from './key_command.ts';
import { registerSensorCommands } from './sensor_command.ts';
import { FaultError } from '../model/errors/fault.ts';
import { startFault } from './start_fault.ts';
import { serve } from './serve.ts';
import { checkSettingNames } from './setting_names.ts';
import { serveSettings } from './settings.ts';
import { registerTokenCommands } from './token_command.ts';
import { registerUserCommands } from './user_command.ts';

let serves = false;

const same_signal_ms = 300;
const unanswered_ms = 1000;

const program = new Command('edgetap')
  .description('Packets from any host of the fleet, on demand: one API, one clean capture file.')
  .version(edgetapVersion());

const serving = program
  .command('serve')
  .description('run edgetap on this machine: the API and one sensor')
  .action(async (options: Readonly<Record<string, string | undefined>>) => {
    const given = serveSettings.map(({ name }) => [name, options[attributeName(name)] ?? process.env[name]] as const);
    checkSettingNames(process.env);
    serves = true;
    try {
      await serve(Object.fromEntries(given));
    } catch (error) {
      throw error instanceof FaultError ? error : new FaultError([startFault(error)], { cause: error });
    }
  });
for (const { name, value_name, help, fallback, environment_only } of serveSettings) {
  if (environment_only === true) continue;
  const shown = fallback === undefined || fallback === '' ? '' : ` (default: ${fallback})`;
  serving.addOption(new Option(`${flagOf(name)} <${value_name}>`, `${help}${shown}; or ${name}`));
}

const operator = {
  random: (count: number): Uint8Array => new Uint8Array(randomBytes(count)),
  host: hostClocks(),
  print: (text: string): void => void process.stdout.write(text),
  note: (text: string): void => void process.stderr.write(text),
};
registerAccountCommands(program, operator);
registerTokenCommands(program, operator);
registerUserCommands(program, operator);
registerKeyCommands(program, operator);
registerSensorCommands(program, operator);
registerCapturesCommands(program, operator);

/** `EDGETAP_DATA_DIR` is `--data-dir`. */
function flagOf(name: string): string {
  return `--${name.slice('EDGETAP_'.length).toLowerCase().replaceAll('_', '-')}`;
}

/** `EDGETAP_DATA_DIR` is `dataDir`, as commander names it. */
function attributeName(name: string): string {
  return new Option(`${flagOf(name)} <value>`).attributeName();
}

const code = await runCli(program, process.argv.slice(2), {
  env: process.env,
  home: homedir(),
  stdout: process.stdout,
  stderr: errorStream(),
  stdin: process.stdin,
  fetch,
  sleep: async (ms) => await delay(ms),
  randomId: () => randomUUID(),
  now: () => Date.now(),
  monotonic: () => performance.now(),
  onInterrupt: (handler) => {
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
    let heard_at = Number.NEGATIVE_INFINITY;
    const hear = (): void => {
      // timeout(1) tells its child, and then the group that this is in: that is one signal.
      const again = performance.now() - heard_at < same_signal_ms;
      heard_at = performance.now();
      if (!again) handler();
    };
    for (const signal of signals) process.on(signal, hear);
    return () => {
      for (const signal of signals) process.off(signal, hear);
    };
  },
});
// What serves leaves nothing to be waited for: a reader of its output that stands still would be.
if (serves) await endProcess(code);
// What was asked for and has not been answered is waited for no more; what was written has its time.
if (code === exitCode.interrupted) setTimeout(() => process.exit(code), unanswered_ms).unref();
process.exitCode = code;
