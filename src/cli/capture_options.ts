import { type Command, Option } from 'commander';
import type { CaptureRequest } from '../wire/http/capture_request.ts';
import { countValue, portValue, protocolValue } from './option_values.ts';
import { type ServerOptions, withServerOptions } from './server_options.ts';

/** The options that say what both kinds of capture are to have. */
export interface RequestOptions {
  readonly packets?: number;
  readonly src?: string;
  readonly dst?: string;
  readonly sport?: number;
  readonly dport?: number;
  readonly proto?: number;
}

/** The options that both kinds of capture have. */
export interface CaptureOptions extends RequestOptions, ServerOptions {
  readonly format?: 'pcap' | 'pcapng';
  readonly wait?: boolean;
  readonly output?: string;
}

/** Adds them. */
export function withRequestOptions(command: Command): Command {
  return command
    .argument('[expression...]', 'a filter in libpcap syntax, as for tcpdump')
    .addOption(new Option('--src <address>', 'only packets from this address or network'))
    .addOption(new Option('--dst <address>', 'only packets to this address or network'))
    .addOption(new Option('--sport <port>', 'only packets from this port').argParser(portValue))
    .addOption(new Option('--dport <port>', 'only packets to this port').argParser(portValue))
    .addOption(
      new Option('--proto <protocol>', 'only this IP protocol: tcp, udp, icmp, 132 …').argParser(protocolValue),
    )
    .addOption(new Option('--packets <count>', 'no more packets than this').argParser(countValue));
}

/** Adds all options of a capture. */
export function withCaptureOptions(command: Command): Command {
  withRequestOptions(command)
    .addOption(new Option('--format <format>', 'form of the file; by default as FILE ends').choices(['pcap', 'pcapng']))
    .addOption(new Option('--wait', 'wait until it has ended, and show its progress'))
    .addOption(new Option('-o, --output <file>', 'wait, and write the result to FILE; - is standard output'));
  return withServerOptions(command);
}

/** The part of a request that comes from these options. */
export function requestFields(
  expression: readonly string[],
  options: RequestOptions & Pick<CaptureOptions, 'format' | 'output'>,
): Pick<CaptureRequest, 'filter_v1' | 'filter_expression' | 'format'> {
  const { src, dst, sport, dport, proto } = options;
  const filter_v1 = {
    ...(src === undefined ? {} : { source_address: src }),
    ...(dst === undefined ? {} : { destination_address: dst }),
    ...(sport === undefined ? {} : { source_port: sport }),
    ...(dport === undefined ? {} : { destination_port: dport }),
    ...(proto === undefined ? {} : { protocol: proto }),
  };
  const format = options.format ?? (options.output?.endsWith('.pcapng') === true ? 'pcapng' : undefined);
  return {
    ...(Object.keys(filter_v1).length === 0 ? {} : { filter_v1 }),
    ...(expression.length === 0 ? {} : { filter_expression: expression.join(' ') }),
    ...(format === undefined ? {} : { format }),
  };
}
