import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FaultError } from '../model/errors/fault.ts';
import { openKeyFile, rotateKeyFile, signingKeys } from './key_file.ts';
import { isSealedWithOldKey, openSecrets, sealSecrets } from './sealed_secrets.ts';

const random = (count: number): Uint8Array => randomBytes(count);
const secrets = { access_key_id: 'AKIAEXAMPLE', secret_access_key: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const id = 'ab'.repeat(16);
let folder: string;
let files = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgetap-keys-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function fresh(): Promise<string> {
  files += 1;
  const path = join(folder, `keys-${files}`);
  await openKeyFile(path, random);
  return path;
}

function nameOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof FaultError) return error.faults[0].name;
    throw error;
  }
  return 'none';
}

describe('the key file', () => {
  test('is made once, for the owner alone, and read after that', async () => {
    const path = join(folder, 'secret.key');
    const first = await openKeyFile(path, random);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(first).toHaveLength(1);
    expect(first[0].bytes).toHaveLength(32);
    expect(await openKeyFile(path, random)).toEqual(first);
  });

  test('is the same for all that start at once, and nothing else is left', async () => {
    const path = join(folder, 'race.key');
    const all = await Promise.all(Array.from({ length: 8 }, () => openKeyFile(path, random)));
    for (const keys of all) expect(keys).toEqual(all[0]);
    expect((await readdir(folder)).filter((name) => name.startsWith('race.key'))).toEqual(['race.key']);
  });

  test('takes a new key in front and keeps the others', async () => {
    const path = await fresh();
    const [old] = await openKeyFile(path, random);
    const rotated = await rotateKeyFile(path, random);
    expect(rotated).toHaveLength(2);
    expect(rotated[1]).toEqual(old);
    expect(rotated[0].id).not.toBe(old.id);
    expect(await openKeyFile(path, random)).toEqual(rotated);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(signingKeys(rotated).map((key) => key.length)).toEqual([32, 32]);
    expect(signingKeys(rotated)[1]).toEqual(signingKeys([old])[0]);
    expect(Buffer.from(signingKeys([old])[0] ?? []).equals(old.bytes)).toBe(false);
  });

  test('that others can read is refused, and so is one that holds no keys', async () => {
    const path = await fresh();
    await chmod(path, 0o644);
    await expect(openKeyFile(path, random)).rejects.toMatchObject({ faults: [{ name: 'secret_key_exposed' }] });
    await chmod(path, 0o640);
    await openKeyFile(path, random);
    for (const text of ['', '# only words\n', 'short\n', `${'A'.repeat(42)}==\n`, `${'A'.repeat(43)}= \n{}`]) {
      await writeFile(path, text);
      await expect(openKeyFile(path, random)).rejects.toMatchObject({ faults: [{ name: 'secret_key_invalid' }] });
    }
    await expect(openKeyFile(join(folder, 'no/such/dir'), random)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(openKeyFile(folder, random)).rejects.toMatchObject({ code: 'EISDIR' });
  });
});

describe('sealed secrets', () => {
  test('open with the same key for the same ownership', async () => {
    const path = await fresh();
    const keys = await openKeyFile(path, random);
    const text = fc.string({ unit: 'binary', maxLength: 60 }).filter((one) => one.isWellFormed());
    fc.assert(
      fc.property(text, text, (access_key_id, secret_access_key) => {
        const sealed = sealSecrets({ access_key_id, secret_access_key }, id, keys, random);
        expect(openSecrets(sealed, id, keys, path)).toEqual({ access_key_id, secret_access_key });
      }),
    );
  });

  test('say nothing of what is in them, and are never twice the same', async () => {
    const keys = await openKeyFile(await fresh(), random);
    const [one, two] = [sealSecrets(secrets, id, keys, random), sealSecrets(secrets, id, keys, random)];
    expect(one).not.toBe(two);
    const bytes = Buffer.from(one.split('.')[2] ?? '', 'base64url').toString('latin1');
    expect(bytes).not.toContain('AKIA');
    expect(bytes).not.toContain('wJalr');
  });

  test('open after a rotation, and say that they are old', async () => {
    const path = await fresh();
    const before = await openKeyFile(path, random);
    const sealed = sealSecrets(secrets, id, before, random);
    const after = await rotateKeyFile(path, random);
    expect(openSecrets(sealed, id, after, path)).toEqual(secrets);
    expect([isSealedWithOldKey(sealed, before), isSealedWithOldKey(sealed, after)]).toEqual([false, true]);
    expect(isSealedWithOldKey(sealSecrets(secrets, id, after, random), after)).toBe(false);
  });

  test('do not open otherwise', async () => {
    const path = await fresh();
    const keys = await openKeyFile(path, random);
    const strange = await openKeyFile(await fresh(), random);
    const sealed = sealSecrets(secrets, id, keys, random);
    expect(nameOf(() => openSecrets(sealed, id, strange, path))).toBe('secret_key_invalid');
    expect(nameOf(() => openSecrets(sealed, 'cd'.repeat(16), keys, path))).toBe('secret_key_invalid');
    for (const wrong of [
      '',
      '1',
      '1.',
      `1.${keys[0].id}.`,
      sealed.replace('1.', '2.'),
      sealed.slice(0, -4),
      `${sealed}AAAA`,
    ]) {
      expect(nameOf(() => openSecrets(wrong, id, keys, path))).toBe('secret_key_invalid');
    }
    const [version, key_id, body = ''] = sealed.split('.');
    const bytes = Buffer.from(body, 'base64url');
    for (let index = 0; index < bytes.length; index += 1) {
      const changed = Buffer.from(bytes);
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(nameOf(() => openSecrets(`${version}.${key_id}.${changed.toString('base64url')}`, id, keys, path))).toBe(
        'secret_key_invalid',
      );
    }
  });

  test('the fault names the file and nothing secret', async () => {
    const path = await fresh();
    const keys = await openKeyFile(path, random);
    const other = await openKeyFile(await fresh(), random);
    const sealed = sealSecrets(secrets, id, keys, random);
    const thrown = await Promise.resolve()
      .then(() => openSecrets(sealed, id, other, path))
      .catch((error: unknown) => error);
    const told = thrown instanceof Error ? `${thrown.message}${thrown.stack}` : '';
    expect(told).toContain(path);
    const [line] = (await readFile(path, 'utf8')).split('\n').filter((one) => one !== '' && !one.startsWith('#'));
    for (const secret of [...Object.values(secrets), line ?? 'no key']) expect(told).not.toContain(secret);
  });
});
