import { type Command, Option } from 'commander';
import { type Status, statuses } from '../model/status.ts';
import type { CaptureResponse } from '../wire/http/capture_response.ts';
import { captureSum } from './capture_sum.ts';
import { filterText } from './capture_text.ts';
import { type CommandContext, note, print, printJson } from './command_context.ts';
import { countText, durationText, momentText, plainText } from './human.ts';
import { countValue } from './option_values.ts';
import { clientFor, type ServerOptions, withServerOptions } from './server_options.ts';
import { textTable } from './text_table.ts';

interface Options extends ServerOptions {
  readonly status?: Status;
  readonly type?: 'simple' | 'full';
  readonly page: number;
  readonly limit: number;
}

/** `edgetap list`. */
export function registerList(parent: Command, { io }: CommandContext): void {
  const command = parent
    .command('list')
    .description('list captures, the newest first')
    .addOption(new Option('--status <status>', 'only captures in this state').choices([...statuses]))
    .addOption(new Option('--type <type>', 'only captures of this kind').choices(['simple', 'full']))
    .option('--limit <count>', 'how many on a page, 50 at most', countValue, 20)
    .option('--page <number>', 'which page', countValue, 1);
  withServerOptions(command)
    .addHelpText('after', '\nExample:\n  edgetap list --status running')
    .action(async (options: Options) => {
      const { client } = clientFor(options, io);
      const { captures, info } = await client.listCaptures({
        page: options.page,
        per_page: options.limit,
        ...(options.status === undefined ? {} : { status: options.status }),
        ...(options.type === undefined ? {} : { type: options.type }),
      });
      if (options.json === true) {
        printJson(io, captures);
        return;
      }
      print(
        io,
        textTable(['ID', 'TYPE', 'STATUS', 'SUBMITTED', 'TIME', 'SITE', 'PACKETS', 'FILTER'], captures.map(rowOf), [
          'PACKETS',
        ]),
      );
      if (info.total_pages > options.page) note(io, `page ${info.page} of ${info.total_pages}; --page shows others.`);
    });
}

function rowOf(capture: CaptureResponse): readonly string[] {
  const { packets } = captureSum(capture);
  return [
    capture.id,
    capture.type,
    capture.status,
    momentText(capture.submitted),
    durationText(capture.time_limit),
    capture.type === 'full' ? plainText(capture.colo_name) : 'all',
    packets === undefined ? '-' : countText(packets),
    filterText(capture.filter_v1, capture.filter_expression),
  ];
}
