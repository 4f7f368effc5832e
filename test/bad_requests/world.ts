import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { edgetapProgram } from '../support/edgetap_program.ts';
import { type Served, startServe } from '../support/serve.ts';
import { waitFor } from '../support/wait_for.ts';
import type { BadRequestWorld } from './bad_request.ts';

const run = promisify(execFile);

/** A real edgetap with two accounts and everything that bad requests refer to. */
export interface ServedWorld {
  readonly served: Served;
  readonly values: BadRequestWorld;
}

interface Account {
  readonly id: string;
  readonly token: string;
}

/** Starts it. */
export async function servedWorld(): Promise<ServedWorld> {
  const served = await startServe({ interfaces: ['lo'], colo: 'lab01' });
  try {
    return { served, values: await fill(served) };
  } catch (error) {
    await served.remove();
    throw error;
  }
}

async function fill(served: Served): Promise<BadRequestWorld> {
  const operator = async (...args: string[]): Promise<Readonly<Record<string, string>>> => {
    const { stdout } = await run(edgetapProgram, [...args, '--json', '--data-dir', served.data_dir]);
    return JSON.parse(stdout) as Record<string, string>;
  };
  const tokenFor = async (account: string, ...args: string[]): Promise<Readonly<Record<string, string>>> =>
    await operator('token', 'create', '--account', account, '--name', 'tests', ...args);

  /** A token of the own account that lasts as long as the command takes to make it: that has to take it as a moment in the future. */
  const soonExpired = async (): Promise<{ expired: Readonly<Record<string, string>>; expires_ms: number }> => {
    for (let lasts_ms = 4000; ; lasts_ms *= 2) {
      const expires_ms = Date.now() + lasts_ms;
      const made = tokenFor(served.account_id, '--expires', new Date(expires_ms).toISOString());
      const expired = await made.catch((error: unknown) => {
        if (Date.now() < expires_ms) throw error;
      });
      if (expired !== undefined) return { expired, expires_ms };
    }
  };

  const own: Account = { id: served.account_id, token: served.token };
  const made = await operator('account', 'create', 'other', '--sensors', 'all', '--networks', 'all');
  const other_token = await tokenFor(made['id'] ?? '', '--permission', 'write');
  const other: Account = { id: made['id'] ?? '', token: other_token['token'] ?? '' };
  const { expired, expires_ms } = await soonExpired();
  const revoked = await tokenFor(own.id);
  const [read, user] = await Promise.all([
    tokenFor(own.id, '--permission', 'read'),
    operator('user', 'create', 'user@example.com', '--account', own.id, '--permission', 'write'),
    operator('token', 'revoke', revoked['id'] ?? ''),
  ]);

  const bucket = await provedBucket(served, own, 'proved');
  const used = await provedBucket(served, own, 'used');
  const pending = await pendingBucket(served, own, 'pending');
  const other_bucket = await provedBucket(served, other, `${other.id}/other`);
  const lookback = { type: 'simple', time_limit: 5, packet_limit: 10 };
  const full = { type: 'full', time_limit: 600, colo_name: 'lab01' };
  const simple = await create(served, own, lookback);
  const running = await create(served, own, { ...full, destination_conf: used.destination_conf });
  const other_simple = await create(served, other, lookback);
  const other_full = await create(served, other, { ...full, destination_conf: other_bucket.destination_conf });
  // Of time before the first start there are no samples.
  await waitFor(async () => ['success', 'complete'].includes(String((await show(served, own, simple))['status'])), {
    what: 'the look-back is done',
  });
  await sleep(Math.max(0, expires_ms + 100 - Date.now()));
  return {
    account: own.id,
    other_account: other.id,
    token: own.token,
    read_token: read['token'] ?? '',
    other_token: other.token,
    expired_token: expired['token'] ?? '',
    revoked_token: revoked['token'] ?? '',
    email: 'user@example.com',
    key: user['key'] ?? '',
    simple,
    running,
    ownership: pending.id,
    used_ownership: used.id,
    other_simple,
    other_full,
    other_ownership: other_bucket.id,
    bucket: bucket.destination_conf,
    bucket_filename: bucket.filename,
    pending_bucket: pending.destination_conf,
    pending_filename: pending.filename,
    other_bucket: other_bucket.destination_conf,
    file_root: join(served.data_dir, 'buckets'),
    colo: 'lab01',
  };
}

async function ask(
  served: Served,
  { id, token }: Account,
  method: string,
  path: string,
  body?: object,
): Promise<Readonly<Record<string, string>>> {
  const response = await fetch(`${served.base_url}/accounts/${id}/pcaps${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as { result: Record<string, string>; errors: unknown };
  if (response.status !== 200) throw new Error(`${method} ${path}: ${JSON.stringify(answer.errors)}`);
  return answer.result;
}

async function create(served: Served, by: Account, body: object): Promise<string> {
  return (await ask(served, by, 'POST', '', { system: 'magic-transit', ...body }))['id'] ?? '';
}

async function show(served: Served, by: Account, id: string): Promise<Readonly<Record<string, string>>> {
  return await ask(served, by, 'GET', `/${id}`);
}

interface Bucket {
  readonly id: string;
  readonly destination_conf: string;
  readonly filename: string;
}

async function pendingBucket(served: Served, by: Account, name: string): Promise<Bucket> {
  const directory = join(served.data_dir, 'buckets', name);
  mkdirSync(directory, { recursive: true });
  const destination_conf = `file://${directory}`;
  const added = await ask(served, by, 'POST', '/ownership', { destination_conf });
  return { id: added['id'] ?? '', destination_conf, filename: added['filename'] ?? '' };
}

async function provedBucket(served: Served, by: Account, name: string): Promise<Bucket> {
  const bucket = await pendingBucket(served, by, name);
  const { destination_conf, filename } = bucket;
  const ownership_challenge = readFileSync(join(served.data_dir, 'buckets', name, filename), 'utf8');
  await ask(served, by, 'POST', '/ownership/validate', { destination_conf, ownership_challenge });
  return bucket;
}
