import type { Command } from 'commander';
import { type CaptureOptions, withCaptureOptions } from './capture_options.ts';
import { checkOutput } from './check_output.ts';
import type { CommandContext } from './command_context.ts';
import { finishCapture } from './finish_capture.ts';
import { clientFor } from './server_options.ts';
import { simpleRequest, type WindowOptions, withWindowOptions } from './simple_request.ts';

const examples = `
Examples:
  edgetap capture simple --wait                                  the packets of the last minute, counted
  edgetap capture simple --since 5m --proto udp --dport 53 -o dns.pcap
  edgetap capture simple --until 2026-01-31T08:00:00Z --time 30s -o incident.pcapng 'host 192.0.2.7'
  edgetap capture simple -o - | wireshark -k -i -`;

/** `edgetap capture simple`. */
export function registerCaptureSimple(parent: Command, context: CommandContext): void {
  const { io } = context;
  const command = parent
    .command('simple')
    .description(
      'look back: the newest sampled packets (their first 160 bytes) of all sites, within the last 24 hours',
    );
  withCaptureOptions(withWindowOptions(command))
    .addHelpText('after', examples)
    .action(async (expression: readonly string[], options: CaptureOptions & WindowOptions) => {
      checkOutput(command, options, io);
      const request = simpleRequest(command, expression, options, io.now());
      const { client } = clientFor(options, io);
      await finishCapture(client, await client.createCapture(request), options, context);
    });
}
