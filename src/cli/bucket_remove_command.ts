import type { Command } from 'commander';
import { canonicalDestination, parseDestination } from '../model/destination.ts';
import { isId } from '../model/id.ts';
import type { OwnershipResponse } from '../wire/http/ownership_schemas.ts';
import { type CommandContext, note, printJson } from './command_context.ts';
import { plainText } from './human.ts';
import { clientFor, type ServerOptions, withServerOptions } from './server_options.ts';

/** `edgetap bucket rm`. */
export function registerBucketRemove(parent: Command, { io }: CommandContext): void {
  const command = parent
    .command('rm <bucket>')
    .description('remove a bucket from the account, named by its id or URI; what is in it stays');
  withServerOptions(command)
    .addHelpText('after', '\nExample:\n  edgetap bucket rm s3://pcaps/dir')
    .action(async (bucket: string, options: ServerOptions) => {
      const { client } = clientFor(options, io);
      const named = isId(bucket)
        ? { id: bucket }
        : (find(await client.listOwnerships(), bucket) ??
          command.error(`no bucket of this account is "${plainText(bucket)}": see "edgetap bucket list"`));
      await client.removeOwnership(named.id);
      if (options.json === true) printJson(io, { id: named.id });
      else note(io, 'the bucket is removed from the account; what is in it stays.');
    });
}

/** Of several with the same URI, those that are not validated come first. */
function find(all: readonly OwnershipResponse[], uri: string): OwnershipResponse | undefined {
  const parsed = parseDestination(uri, '/destination_conf');
  const canonical = parsed.ok ? canonicalDestination(parsed.value.destination) : uri;
  const same = all.filter((one) => one.destination_conf === canonical);
  return same.find((one) => one.status !== 'success') ?? same[0];
}
