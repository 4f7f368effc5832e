import { createHash, hkdfSync } from 'node:crypto';
import { chmod, link, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { raise } from '../model/errors/fault.ts';
import { codeOf } from './open_beneath.ts';

/** A key that seals, and the id that sealed texts name it by. */
export interface SealingKey {
  /** 16 hexadecimal characters, made from the key. */
  readonly id: string;
  /** 32 bytes. */
  readonly bytes: Uint8Array;
}

/** The keys of a key file, newest first: the first seals, all open. */
export type SealingKeys = readonly [SealingKey, ...SealingKey[]];

const heading = [
  '# Keys of edgetap, newest first, each 32 bytes in base64. The first one seals bucket credentials; all can open them.',
  '# Whoever has this file and the database has the credentials. Keep a copy: without it they are lost.',
  '',
].join('\n');

/**
 * Reads the key file, and makes it (mode 0600, one random key) when it is not there. Of several processes that start at
 * once, one makes it and all read the same.
 * @throws {FaultError} `secret_key_exposed` when others than the owner and the group can read it, `secret_key_invalid`
 *   when it holds no keys
 */
export async function openKeyFile(path: string, random_bytes: (count: number) => Uint8Array): Promise<SealingKeys> {
  const keys = await readKeyFile(path);
  if (keys !== undefined) return keys;
  const fresh = await writeBeside(path, [random_bytes(32)], random_bytes);
  try {
    await link(fresh, path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    await unlink(fresh);
  }
  await syncDirectory(path);
  return (await readKeyFile(path)) ?? raise('secret_key_invalid', { path });
}

/** Puts a new key in front of the file's keys. What is sealed with an older one still opens; seal it again in time. */
export async function rotateKeyFile(path: string, random_bytes: (count: number) => Uint8Array): Promise<SealingKeys> {
  const keys = await openKeyFile(path, random_bytes);
  const fresh = await writeBeside(path, [random_bytes(32), ...keys.map((key) => key.bytes)], random_bytes);
  await rename(fresh, path);
  await syncDirectory(path);
  return (await readKeyFile(path)) ?? raise('secret_key_invalid', { path });
}

/** Keys for signing URLs, made from the sealing keys, newest first (HKDF, RFC 5869). */
export function signingKeys(keys: SealingKeys): Uint8Array[] {
  return keys.map(({ bytes }) => new Uint8Array(hkdfSync('sha256', bytes, '', 'edgetap signed pieces 1', 32)));
}

async function readKeyFile(path: string): Promise<SealingKeys | undefined> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  if (((await stat(path)).mode & 0o007) !== 0) raise('secret_key_exposed', { path });
  const lines = text.split('\n').map((line) => line.trim());
  const [first, ...more] = lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => keyOf(line, path));
  return first === undefined ? raise('secret_key_invalid', { path }) : [first, ...more];
}

function keyOf(line: string, path: string): SealingKey {
  const bytes = Buffer.from(line, 'base64');
  if (bytes.length !== 32 || bytes.toString('base64') !== line) raise('secret_key_invalid', { path });
  const id = createHash('sha256').update('edgetap key id\n').update(bytes).digest('hex').slice(0, 16);
  return { id, bytes };
}

/** Writes keys into a new file beside the path, on disk when it returns, and gives its name. */
async function writeBeside(
  path: string,
  keys: readonly Uint8Array[],
  random_bytes: (count: number) => Uint8Array,
): Promise<string> {
  const fresh = `${path}.${Buffer.from(random_bytes(8)).toString('hex')}.new`;
  const file = await open(fresh, 'wx', 0o600);
  try {
    try {
      // The umask may have taken more away than it should, never less.
      await chmod(fresh, 0o600);
      await file.writeFile(heading + keys.map((key) => `${Buffer.from(key).toString('base64')}\n`).join(''));
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await unlink(fresh).catch(() => undefined);
    throw error;
  }
  return fresh;
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
