import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { descendants } from '../support/process_tree.ts';
import { type Served, startServe } from '../support/serve.ts';

// A process's environment and arguments can be read in /proc, and a process that somebody has taken over has its own: no secret is to be there.

const secrets = {
  EDGETAP_BOOTSTRAP_TOKEN: 'et-secret-of-the-account-0123',
  AWS_SECRET_ACCESS_KEY: 'secret-of-the-cloud-4567',
  DATABASE_PASSWORD: 'secret-of-another-program-89',
};
const token_of_file = 'et-secret-in-a-file-0123456789';

const read = (pid: number, what: 'environ' | 'cmdline'): string => readFileSync(`/proc/${pid}/${what}`, 'utf8');

describe('what the supervisor was given', () => {
  let served: Served;
  let children: readonly number[];
  beforeAll(async () => {
    const env = { ...secrets, EDGETAP_AMBIENT_CREDENTIALS: 'yes' };
    served = await startServe({ interfaces: ['lo'], env });
    children = descendants(served.process.pid ?? 0);
  });
  afterAll(async () => await served?.remove());

  test('is in no child’s environment or arguments, control’s, the sensor’s and their compilers’', () => {
    expect(children.length).toBeGreaterThanOrEqual(4);
    for (const pid of children) {
      const texts = [read(pid, 'environ'), read(pid, 'cmdline')];
      for (const text of texts) {
        expect(text).not.toContain('TOKEN');
        for (const secret of Object.values(secrets)) expect(text).not.toContain(secret);
      }
    }
  });

  test('of it, each child of its own has what it needs', () => {
    for (const name of ['control', 'sensor'] as const) {
      const names = read(served.pidOf(name), 'environ').split('\0');
      expect(names).toContain(`EDGETAP_DATA_DIR=${served.data_dir}`);
      expect(names.filter((one) => one.startsWith('EDGETAP_') && !one.startsWith('EDGETAP_DATA_DIR='))).toEqual([]);
    }
  });
});

describe('a token that stands in a file', () => {
  let folder: string;
  let served: Served;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'edgetap-secrets-'));
    writeFileSync(join(folder, 'token'), `${token_of_file}\n`, { mode: 0o600 });
    const env = { EDGETAP_BOOTSTRAP_TOKEN: '', EDGETAP_TOKEN_FILE: join(folder, 'token') };
    served = await startServe({ interfaces: ['lo'], env });
  });
  afterAll(async () => {
    await served?.remove();
    rmSync(folder, { recursive: true });
  });

  test('is good for the account, and in no process’s environment or arguments', async () => {
    const headers = { authorization: `Bearer ${token_of_file}` };
    const { status } = await fetch(`${served.base_url}/accounts/${served.account_id}/pcaps`, { headers });
    expect(status).toBe(200);
    const supervisor = served.process.pid ?? 0;
    for (const pid of [supervisor, ...descendants(supervisor)]) {
      expect(read(pid, 'environ')).not.toContain(token_of_file);
      expect(read(pid, 'cmdline')).not.toContain(token_of_file);
    }
  });
});
