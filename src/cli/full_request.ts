import type { Command } from 'commander';
import type { FullRequest } from '../wire/http/capture_request.ts';
import { type RequestOptions, requestFields } from './capture_options.ts';
import { durationValue, sizeValue } from './option_values.ts';

/** The options that say what a full capture is limited by, and where it captures. */
export interface LimitOptions {
  readonly time: number;
  readonly bytes?: number;
  readonly colo?: string;
}

/** Adds them. */
export function withLimitOptions(command: Command): Command {
  return command
    .option('--time <duration>', 'how long to capture', durationValue, 60)
    .option('--bytes <size>', 'no more packet bytes than this, such as 10MB', sizeValue)
    .option('--colo <name>', 'the site (ord02), or all of one name (ORD); "colo" of the configuration by default');
}

/** The request that these options make, but for its bucket. No site is wrong usage of the command. */
export function fullRequest(
  command: Command,
  expression: readonly string[],
  options: RequestOptions & LimitOptions,
  config: { readonly colo?: string },
): Omit<FullRequest, 'destination_conf'> {
  return {
    type: 'full',
    system: 'magic-transit',
    time_limit: options.time,
    ...(options.packets === undefined ? {} : { packet_limit: options.packets }),
    ...(options.bytes === undefined ? {} : { byte_limit: options.bytes }),
    colo_name: options.colo ?? config.colo ?? command.error('which site? Say --colo NAME'),
    ...requestFields(expression, options),
  };
}
