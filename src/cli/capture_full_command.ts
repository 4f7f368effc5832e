import type { Command } from 'commander';
import type { ApiClient } from '../client/api_client.ts';
import { type CaptureOptions, withCaptureOptions } from './capture_options.ts';
import { answerOrInterrupt } from './answer_or_interrupt.ts';
import { checkOutput } from './check_output.ts';
import { type CommandContext, note } from './command_context.ts';
import { exitCode } from './exit_code.ts';
import { finishCapture } from './finish_capture.ts';
import { durationValue } from './option_values.ts';
import { fullRequest, type LimitOptions, withLimitOptions } from './full_request.ts';
import { clientFor } from './server_options.ts';

interface Options extends CaptureOptions, LimitOptions {
  readonly lookback?: number;
  readonly bucket?: string;
}

const examples = `
Ctrl-C stops the capture, and what it has is delivered and shown; a second Ctrl-C leaves it to itself.

Examples:
  edgetap capture full --colo ord02 --time 30s --wait 'tcp port 443'
  edgetap capture full --colo ord02 --lookback 10m --time 5m -o incident.pcapng 'host 192.0.2.7'
  edgetap capture full --colo ORD --packets 1000 --bytes 10MB --bucket 's3://pcaps/dir?region=us-east-1'
  edgetap capture full --colo ord02 --dst 10.0.0.0/8 -o - | tshark -r -`;

/** `edgetap capture full`. */
export function registerCaptureFull(parent: Command, context: CommandContext): void {
  const command = parent
    .command('full')
    .description('capture all matching packets, whole, from now on, into a bucket of yours');
  withLimitOptions(command)
    .option('--lookback <duration>', 'begin the file with what was sampled so long before, such as 10m', durationValue)
    .option(
      '--bucket <uri>',
      'where the file goes; by default "bucket" of the configuration, or the one validated bucket there is',
    );
  withCaptureOptions(command)
    .addHelpText('after', examples)
    .action(async (expression: readonly string[], options: Options) => {
      checkOutput(command, options, context.io);
      const { client, config } = clientFor(options, context.io);
      const request = fullRequest(command, expression, options, config);
      const destination_conf = options.bucket ?? config.bucket ?? (await onlyBucket(client, command));
      const lookback = options.lookback === undefined ? {} : { lookback: options.lookback };
      const asking = client.createCapture({ ...request, ...lookback, destination_conf });
      const { answer: capture, interrupted } = await answerOrInterrupt(asking, context);
      if (capture === undefined) {
        note(context.io, 'edgetap has not answered: "edgetap list" says whether the capture has begun.');
        context.end(exitCode.interrupted);
        return;
      }
      await finishCapture(client, capture, options, context, interrupted);
    });
}

/** The bucket that nobody needs to name: the only one that is validated. */
async function onlyBucket(client: ApiClient, command: Command): Promise<string> {
  const proved = (await client.listOwnerships()).filter((one) => one.status === 'success');
  const [only, another] = proved;
  if (only === undefined) command.error('there is no validated bucket yet: see "edgetap bucket add --help"');
  if (another !== undefined) command.error('which bucket? Say --bucket URI ("edgetap bucket list" shows them)');
  return only.destination_conf;
}
