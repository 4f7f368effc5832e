import type { Command } from 'commander';
import { type RequestOptions, withRequestOptions } from './capture_options.ts';
import type { CommandContext } from './command_context.ts';
import { fullRequest, type LimitOptions, withLimitOptions } from './full_request.ts';
import { showEstimate } from './show_estimate.ts';
import { clientFor, type ServerOptions, withServerOptions } from './server_options.ts';

interface Options extends RequestOptions, LimitOptions, ServerOptions {
  readonly bucket?: string;
}

const examples = `
Examples:
  edgetap estimate full --colo ord02 --time 10m 'tcp port 443'
  edgetap estimate full --colo ORD --packets 1000 --bytes 10MB
  edgetap estimate full --colo ord02 --bucket s3://pcaps/dir     is the bucket good, too?`;

/** `edgetap estimate full`. */
export function registerEstimateFull(parent: Command, context: CommandContext): void {
  const command = parent
    .command('full')
    .description('judge by the last minutes how much a capture would catch, and how soon its limits would end it');
  withLimitOptions(command).option('--bucket <uri>', 'check this bucket, too; none is needed');
  withServerOptions(withRequestOptions(command))
    .addHelpText('after', examples)
    .action(async (expression: readonly string[], options: Options) => {
      const { client, config } = clientFor(options, context.io);
      const request = {
        ...fullRequest(command, expression, options, config),
        ...(options.bucket === undefined ? {} : { destination_conf: options.bucket }),
      };
      showEstimate(await client.estimateCapture(request), options, context);
    });
}
