import type { Command } from 'commander';
import { type RequestOptions, withRequestOptions } from './capture_options.ts';
import type { CommandContext } from './command_context.ts';
import { showEstimate } from './show_estimate.ts';
import { clientFor, type ServerOptions, withServerOptions } from './server_options.ts';
import { simpleRequest, type WindowOptions, withWindowOptions } from './simple_request.ts';

const examples = `
Examples:
  edgetap estimate simple                                        who talked with whom in the last minute
  edgetap estimate simple --since 5m --proto udp --dport 53
  edgetap estimate simple --until 2026-01-31T08:00:00Z --time 30s --json 'host 192.0.2.7'`;

/** `edgetap estimate simple`. */
export function registerEstimateSimple(parent: Command, context: CommandContext): void {
  const { io } = context;
  const command = parent.command('simple').description('count what a look-back would find, and who sent it');
  withServerOptions(withRequestOptions(withWindowOptions(command)))
    .addHelpText('after', examples)
    .action(async (expression: readonly string[], options: RequestOptions & WindowOptions & ServerOptions) => {
      const request = simpleRequest(command, expression, options, io.now());
      const { client } = clientFor(options, io);
      showEstimate(await client.estimateCapture(request), options, context);
    });
}
