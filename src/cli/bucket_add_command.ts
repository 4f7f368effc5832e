import type { Command } from 'commander';
import { type CommandContext, note, print, printJson } from './command_context.ts';
import { plainText } from './human.ts';
import { readText } from './read_text.ts';
import { clientFor, type ServerOptions, withServerOptions } from './server_options.ts';

const examples = `
The URI has the keys that may write into the bucket; the server takes them out, seals them and never shows them again. Write "-" to
give the URI on standard input, where other users of this machine cannot see it.

Examples:
  edgetap bucket add 's3://pcaps/dir?region=us-east-1&access-key-id=…&secret-access-key=…'
  edgetap bucket add 'r2://pcaps?account-id=…&access-key-id=…&secret-access-key=…'
  edgetap bucket add file:///srv/edgetap/buckets/mine
  pass show pcaps-bucket | edgetap bucket add -`;

/** `edgetap bucket add`. */
export function registerBucketAdd(parent: Command, { io }: CommandContext): void {
  const command = parent.command('add <uri>').description('add a bucket: writes a challenge file into it');
  withServerOptions(command)
    .addHelpText('after', examples)
    .action(async (uri: string, options: ServerOptions) => {
      const { client } = clientFor(options, io);
      const added = await client.addOwnership({ destination_conf: uri === '-' ? await readText(io) : uri });
      if (options.json === true) {
        printJson(io, added);
        return;
      }
      print(io, `${plainText(added.filename)}\n`);
      const shown = plainText(added.destination_conf);
      note(io, `read that file in ${shown}, then prove that you can:`);
      note(io, `edgetap bucket validate '${shown}' --challenge CONTENT-OF-THE-FILE`);
    });
}
