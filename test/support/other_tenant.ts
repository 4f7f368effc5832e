import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { edgetapProgram } from './edgetap_program.ts';
import { callApi } from './call_api.ts';
import type { Served } from './serve.ts';

const run = promisify(execFile);

/** The same edgetap as another account sees it, which sees everything: what is made with it is that account's. */
export async function otherTenant(served: Served, name: string): Promise<Served> {
  const operator = async (...args: string[]): Promise<Readonly<Record<string, string>>> => {
    const { stdout } = await run(edgetapProgram, [...args, '--json', '--data-dir', served.data_dir]);
    return JSON.parse(stdout) as Record<string, string>;
  };
  const { id: account_id = '' } = await operator('account', 'create', name, '--sensors', 'all', '--networks', 'all');
  const { token = '' } = await operator(
    'token',
    'create',
    '--account',
    account_id,
    '--name',
    name,
    '--permission',
    'write',
  );
  return {
    ...served,
    account_id,
    token,
    call: callApi(served.url, { account_id, token }),
  };
}
