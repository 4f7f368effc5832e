import type { Command } from 'commander';
import { formatTime } from '../model/time.ts';
import { type CaptureOptions, requestFields, withCaptureOptions } from './capture_options.ts';
import { checkOutput } from './check_output.ts';
import type { CommandContext } from './command_context.ts';
import { finishCapture } from './finish_capture.ts';
import { lookbackWindow } from './lookback_window.ts';
import { durationValue } from './option_values.ts';
import { parseMoment } from './parse_moment.ts';
import { clientFor } from './server_options.ts';

interface Options extends CaptureOptions {
  readonly time?: number;
  readonly since?: string;
  readonly until?: string;
  readonly matchInner?: boolean;
}

const packets_default = 10_000;

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
    .description('look back: the newest sampled packets (their first 160 bytes) of all sites, within the last 24 hours')
    .option('--time <duration>', 'how much time it covers, 5m at most; 60s by default', durationValue)
    .option('--since <when>', 'where it begins: how long ago (5m), or an RFC 3339 time')
    .option('--until <when>', 'where it ends, likewise; now by default')
    .option(
      '--match-inner',
      'look also at packets inside of others: behind MPLS or PPPoE, in GRE, VXLAN and other tunnels',
    );
  withCaptureOptions(command)
    .addHelpText('after', examples)
    .action(async (expression: readonly string[], options: Options) => {
      checkOutput(command, options, io);
      const moment = (name: 'since' | 'until'): number | undefined => {
        const text = options[name];
        if (text === undefined) return undefined;
        const wrong = `--${name} is "${text}": it must be how long ago, such as 5m, or an RFC 3339 time`;
        return parseMoment(text, io.now()) ?? command.error(wrong);
      };
      const [since_ms, until_ms] = [moment('since'), moment('until')];
      const window =
        lookbackWindow(
          {
            ...(options.time === undefined ? {} : { time_s: options.time }),
            ...(since_ms === undefined ? {} : { since_ms }),
            ...(until_ms === undefined ? {} : { until_ms }),
          },
          io.now(),
        ) ?? command.error('--time, --since and --until are one too many: any two of them say when');
      const { client } = clientFor(options, io);
      const capture = await client.createCapture({
        type: 'simple',
        system: 'magic-transit',
        time_limit: window.time_limit,
        packet_limit: options.packets ?? packets_default,
        ...(window.offset_ms === undefined ? {} : { offset_time: formatTime(BigInt(window.offset_ms) * 1_000_000n) }),
        ...requestFields(expression, options),
        ...(options.matchInner === true ? { match_inner: true } : {}),
      });
      await finishCapture(client, capture, options, context);
    });
}
