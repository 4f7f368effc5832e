import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { type CommandContext, note, printJson } from './command_context.ts';
import { plainText } from './human.ts';
import { readText } from './read_text.ts';
import { clientFor, type ServerOptions, withServerOptions } from './server_options.ts';

interface Options extends ServerOptions {
  readonly challenge?: string;
  readonly challengeFile?: string;
}

const examples = `
Without either option the content is read from standard input.

Examples:
  edgetap bucket validate s3://pcaps/dir --challenge 4b1d…
  aws s3 cp s3://pcaps/dir/ownership-challenge-….txt - | edgetap bucket validate s3://pcaps/dir
  edgetap bucket validate file:///srv/edgetap/buckets/mine --challenge-file /srv/edgetap/buckets/mine/ownership-challenge-….txt`;

/** `edgetap bucket validate`. */
export function registerBucketValidate(parent: Command, { io }: CommandContext): void {
  const command = parent
    .command('validate <uri>')
    .description('prove that a bucket is yours, with the content of its challenge file')
    .option('--challenge <content>', 'the content')
    .option('--challenge-file <file>', 'a file that has the content');
  withServerOptions(command)
    .addHelpText('after', examples)
    .action(async (uri: string, options: Options) => {
      const { challenge, challengeFile: file } = options;
      if (challenge !== undefined && file !== undefined)
        command.error('--challenge and --challenge-file are one too many');
      const { client } = clientFor(options, io);
      const ownership_challenge = challenge ?? (file === undefined ? await readText(io) : await content(file, command));
      const proved = await client.validateOwnership({ destination_conf: uri, ownership_challenge });
      if (options.json === true) printJson(io, proved);
      else note(io, `${plainText(proved.destination_conf)} is yours: captures can go there.`);
    });
}

async function content(file: string, command: Command): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    return command.error(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
