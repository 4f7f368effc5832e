import type { Command } from 'commander';
import { isFinal } from '../model/status.ts';
import { checkOutput } from './check_output.ts';
import { type CommandContext, note, printJson } from './command_context.ts';
import { exitCode } from './exit_code.ts';
import { plainText } from './human.ts';
import { saveFile } from './save_file.ts';
import { clientFor, type ServerOptions, withServerOptions } from './server_options.ts';
import { waitForCapture } from './wait_for_capture.ts';

/** `edgetap download`. */
export function registerDownload(parent: Command, context: CommandContext): void {
  const { io, end } = context;
  const command = parent
    .command('download <id>')
    .description("fetch a capture's file")
    .option('-o, --output <file>', 'where to; a directory keeps the name pcap_ID.pcap; - is standard output', '.')
    .option('--wait', 'wait first until the capture has ended');
  withServerOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  edgetap download 66802ca5668e47a2b82c2e6746e45037
  edgetap download 66802ca5668e47a2b82c2e6746e45037 -o - | tshark -r -`,
    )
    .action(async (id: string, options: ServerOptions & { readonly output: string; readonly wait?: boolean }) => {
      checkOutput(command, options, io);
      const { client } = clientFor(options, io);
      if (options.wait === true) {
        const capture = await client.getCapture(id);
        const ended = isFinal(capture.status) ? capture : await waitForCapture(client, capture, context);
        if (ended === undefined) {
          end(exitCode.interrupted);
          return;
        }
      }
      const saved = await saveFile(client, id, options.output, context);
      if (saved.outcome === 'interrupted') end(exitCode.interrupted);
      if (saved.outcome !== 'saved') return;
      if (options.json === true) printJson(io, { path: saved.path, size_bytes: saved.size_bytes });
      else note(io, `wrote ${plainText(saved.path)}.`);
    });
}
