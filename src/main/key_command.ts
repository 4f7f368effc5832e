import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { rotateKeyFile } from '../bucket/key_file.ts';
import { raise } from '../model/errors/fault.ts';
import type { OperatorDeps } from './operator_command.ts';

interface KeyOptions {
  readonly dataDir: string;
  readonly secretKeyFile?: string;
}

/** `edgetap key rotate`: a new key for bucket credentials, ahead of the old ones. */
export function registerKeyCommands(program: Command, deps: OperatorDeps): void {
  program
    .command('key')
    .description('the key file that seals bucket credentials')
    .command('rotate')
    .description('put a new key before the old ones; the next start of edgetap seals everything with it')
    .addOption(
      new Option('--data-dir <directory>', 'where edgetap keeps its data').env('EDGETAP_DATA_DIR').default('./data'),
    )
    .addOption(
      new Option('--secret-key-file <file>', 'the key file, where it is not <data directory>/secret.key').env(
        'EDGETAP_SECRET_KEY_FILE',
      ),
    )
    .action(async ({ dataDir, secretKeyFile }: KeyOptions) => {
      const path = secretKeyFile ?? join(dataDir, 'secret.key');
      if (!existsSync(path))
        raise('config_unreadable', { path, reason: 'there is none; edgetap makes it at its first start' });
      const keys = await rotateKeyFile(path, deps.random);
      deps.note(`${path} holds ${keys.length} keys now. Restart edgetap: it seals all credentials with the new one.\n`);
      deps.note('Once it has started, every line but the first key can be taken out of the file.\n');
    });
}
