import type { Command } from 'commander';
import { captureText } from './capture_text.ts';
import { type CommandContext, print, printJson } from './command_context.ts';
import { finishCapture } from './finish_capture.ts';
import { clientFor, type ServerOptions, withServerOptions } from './server_options.ts';

/** `edgetap show`. */
export function registerShow(parent: Command, context: CommandContext): void {
  const { io } = context;
  const command = parent
    .command('show <id>')
    .description('show everything about a capture')
    .option('--wait', 'wait until it has ended, and show its progress');
  withServerOptions(command)
    .addHelpText('after', '\nExample:\n  edgetap show 66802ca5668e47a2b82c2e6746e45037 --wait')
    .action(async (id: string, options: ServerOptions & { readonly wait?: boolean }) => {
      const { client } = clientFor(options, io);
      const capture = await client.getCapture(id);
      if (options.wait === true) await finishCapture(client, capture, options, context);
      else if (options.json === true) printJson(io, capture);
      else print(io, captureText(capture));
    });
}
