import type { Command } from 'commander';
import { type CommandContext, print, printJson } from './command_context.ts';
import { ownershipTable } from './ownership_text.ts';
import { clientFor, type ServerOptions, withServerOptions } from './server_options.ts';

/** `edgetap bucket list`. */
export function registerBucketList(parent: Command, { io }: CommandContext): void {
  const command = parent.command('list').description('list the buckets of the account');
  withServerOptions(command).action(async (options: ServerOptions) => {
    const { client } = clientFor(options, io);
    const all = await client.listOwnerships();
    if (options.json === true) printJson(io, all);
    else print(io, ownershipTable(all));
  });
}
