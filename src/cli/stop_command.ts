import type { Command } from 'commander';
import { type CommandContext, note, printJson } from './command_context.ts';
import { finishCapture } from './finish_capture.ts';
import { clientFor, type ServerOptions, withServerOptions } from './server_options.ts';

/** `edgetap stop`. */
export function registerStop(parent: Command, context: CommandContext): void {
  const { io } = context;
  const command = parent
    .command('stop <id>')
    .description('stop a full capture; what it has is delivered')
    .option('--wait', 'wait until that is done, and show it')
    .option(
      '--discard',
      'deliver nothing more: what edgetap holds of the capture is removed, also where it waits for its bucket',
    );
  withServerOptions(command)
    .addHelpText('after', '\nExample:\n  edgetap stop 66802ca5668e47a2b82c2e6746e45037 --wait')
    .action(async (id: string, options: ServerOptions & { readonly wait?: boolean; readonly discard?: boolean }) => {
      const { client } = clientFor(options, io);
      if (options.discard === true) {
        await client.discardCapture(id);
        if (options.json === true) printJson(io, { id, discarded: true });
        else note(io, 'discarded: nothing more of the capture is delivered, and what edgetap held of it is removed.');
        return;
      }
      await client.stopCapture(id);
      const capture = await client.getCapture(id);
      if (options.wait === true) await finishCapture(client, capture, options, context);
      else if (options.json === true) printJson(io, capture);
      else note(io, `stopped; the capture is ${capture.status}.`);
    });
}
