import type { Command } from 'commander';
import { formatTime } from '../model/time.ts';
import type { SimpleRequest } from '../wire/http/capture_request.ts';
import { type RequestOptions, requestFields } from './capture_options.ts';
import { lookbackWindow } from './lookback_window.ts';
import { durationValue } from './option_values.ts';
import { type Moment, parseMoment } from './parse_moment.ts';

/** The options that say when a simple capture looks. */
export interface WindowOptions {
  readonly time?: number;
  readonly since?: string;
  readonly until?: string;
  readonly matchInner?: boolean;
}

const packets_default = 10_000;

/** Adds them. */
export function withWindowOptions(command: Command): Command {
  return command
    .option('--time <duration>', 'how much time it covers, 5m at most; 60s by default', durationValue)
    .option('--since <when>', 'where it begins: how long ago (5m), or an RFC 3339 time')
    .option('--until <when>', 'where it ends, likewise; now by default')
    .option(
      '--match-inner',
      'look also at packets inside of others: behind MPLS or PPPoE, in GRE, VXLAN and other tunnels',
    );
}

/** The request that these options make. What cannot be read is wrong usage of the command. */
export function simpleRequest(
  command: Command,
  expression: readonly string[],
  options: RequestOptions & WindowOptions,
  now_ms: number,
): SimpleRequest {
  const moment = (name: 'since' | 'until'): Moment | undefined => {
    const text = options[name];
    if (text === undefined) return undefined;
    const wrong = `--${name} is "${text}": it must be how long ago, such as 5m, or an RFC 3339 time`;
    return parseMoment(text, now_ms) ?? command.error(wrong);
  };
  const [since, until] = [moment('since'), moment('until')];
  const window =
    lookbackWindow(
      {
        ...(options.time === undefined ? {} : { time_s: options.time }),
        ...(since === undefined ? {} : { since }),
        ...(until === undefined ? {} : { until }),
      },
      now_ms,
    ) ?? command.error('--time, --since and --until are one too many: any two of them say when');
  return {
    type: 'simple',
    system: 'magic-transit',
    time_limit: window.time_limit,
    packet_limit: options.packets ?? packets_default,
    ...(window.offset_ms === undefined ? {} : { offset_time: formatTime(BigInt(window.offset_ms) * 1_000_000n) }),
    ...requestFields(expression, options),
    ...(options.matchInner === true ? { match_inner: true } : {}),
  };
}
