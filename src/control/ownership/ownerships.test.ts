import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AuditBook } from '../audit_book.ts';
import type { Bucket } from '../../bucket/bucket.ts';
import { openFileBucket } from '../../bucket/file.ts';
import { openKeyFile, rotateKeyFile } from '../../bucket/key_file.ts';
import { isSealedWithOldKey, openSecrets, sealSecrets } from '../../bucket/sealed_secrets.ts';
import { insertAccount } from '../../db/accounts.ts';
import { listAudit } from '../../db/audit.ts';
import { insertCapture, updateCapture } from '../../db/captures.ts';
import type { Database } from '../../db/database.ts';
import { openDatabase } from '../../db/open_database.ts';
import { insertOwnership, ownershipById, removeOwnership, sealedOwnerships } from '../../db/ownerships.ts';
import type { BucketSecrets, Destination } from '../../model/destination.ts';
import { type Fault, FaultError, raise } from '../../model/errors/fault.ts';
import type { Ownership } from '../../model/ownership.ts';
import type { Caller } from '../control.ts';
import { Quotas } from '../quotas.ts';
import { AccountUsage } from '../../model/account_usage.ts';
import { LimitCounts } from '../../model/limit_counts.ts';
import { limitFallbacks, type LimitValues } from '../../model/shared_limits.ts';
import { createOwnerships, type Ownerships } from './ownerships.ts';
import { reseal } from './reseal.ts';
import type { Vault } from './vault.ts';

const random = (count: number): Uint8Array => randomBytes(count);
const callerOf = (account_id: string): Caller => ({
  principal: { id: `token-of-${account_id.slice(0, 1)}`, kind: 'token', account_id, permission: 'write' },
  account_id,
  address: '192.0.2.7',
  request_id: 'r1',
});
const [mine, theirs] = [callerOf('a'.repeat(32)), callerOf('b'.repeat(32))];

let base: string;
let root: string;
let db: Database;
let now = 1000n;
let ownerships: Ownerships;
let free_bytes: number;
const listed = async (by: Caller): Promise<readonly Ownership[]> =>
  (await ownerships.list(by, { page: 1, per_page: 100 })).buckets;
let opened: { destination: Destination; secrets: BucketSecrets | undefined }[] = [];
let beforeWrite: () => Promise<void> = async () => {};

async function vaultOf(): Promise<Vault> {
  const path = join(base, 'secret.key');
  const keys = await openKeyFile(path, random);
  return {
    seal: (secrets, id) => sealSecrets(secrets, id, keys, random),
    open: (sealed, id) => openSecrets(sealed, id, keys, path),
    isStale: (sealed) => isSealedWithOldKey(sealed, keys),
  };
}

/** Directories stand for buckets of every kind: what differs between kinds is tested beside each of them. */
function openBucket(destination: Destination, secrets: BucketSecrets | undefined): Bucket {
  opened.push({ destination, secrets });
  const place =
    destination.scheme === 'file'
      ? destination
      : ({ scheme: 'file', directory: join(root, destination.bucket) } as const);
  const bucket = openFileBucket({
    destination: place,
    allowed_roots: [root],
    intake_url: 'http://127.0.0.1:1',
    signing_keys: [new Uint8Array(32)],
    now: () => now,
    random_bytes: random,
  });
  return {
    ...bucket,
    writeObject: async (...args) => {
      await beforeWrite();
      return await bucket.writeObject(...args);
    },
  };
}

async function made(over: Partial<LimitValues>): Promise<Ownerships> {
  const limits = new LimitCounts({ ...limitFallbacks, ...over });
  return createOwnerships({
    db,
    openBucket: async (destination, secrets) => openBucket(destination, secrets),
    vault: await vaultOf(),
    ambient: false,
    quotas: new Quotas(limits, new AccountUsage(), () => free_bytes),
    limits,
    monotonic: () => 0,
    random,
    audit: new AuditBook({ limits, random, monotonic: () => 0 }),
  });
}

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'edgetap-ownership-'));
  root = join(base, 'buckets');
  await mkdir(root);
  now = 1000n;
  db = await openDatabase({ url: ':memory:', clock: () => (now += 1n) });
  for (const { account_id } of [mine, theirs]) {
    await db.transaction((tx) =>
      insertAccount(tx, { id: account_id, name: 'x', created: 1n, scope: { sensors: 'all', networks: 'all' } }),
    );
  }
  opened = [];
  beforeWrite = async () => {};
  free_bytes = Number.POSITIVE_INFINITY;
  ownerships = await made({ buckets_pending: 3, bucket_adds_per_minute: 9 });
});
afterEach(async () => {
  await db.close();
  await rm(base, { recursive: true });
});

const file = (name: string): string => `file://${join(root, name)}`;
const content = async (name: string, filename: string): Promise<string> =>
  await readFile(join(root, name, filename), 'utf8');

/** The names and pointers of the faults. */
async function faults(asked: Promise<unknown>): Promise<readonly string[]> {
  const told = (one: Fault): string => `${one.name} ${one.pointer ?? '-'}`;
  return await asked.then(
    () => ['none'],
    (error: unknown) => (error instanceof FaultError ? error.faults.map(told) : [String(error)]),
  );
}

const trail = async (by: Caller): Promise<readonly string[]> =>
  (await listAudit(db, by.account_id, 50)).map(
    (row) => `${row.principal_id} ${row.address} ${row.action} ${row.subject}`,
  );

describe('what one account may add', () => {
  const known = async (): Promise<string[]> => (await readdir(root)).toSorted();

  test('so many wait for their proof, also when they come at once; what is proved, removed or failed makes room', async () => {
    const names = ['1', '2', '3', '4', '5', '6'];
    const all = await Promise.all(names.map((name) => faults(ownerships.add(mine, { destination_conf: file(name) }))));
    expect(all.flat().toSorted()).toEqual([...Array(3).fill('account_quota -'), ...Array(3).fill('none')]);
    // What was refused has made no directory.
    expect(await known()).toHaveLength(3);
    const [one, two] = await listed(mine);
    if (one === undefined || two === undefined) throw new Error('they are not there');
    const again = { destination_conf: one.destination_conf };
    expect(await faults(ownerships.add(mine, again))).toEqual(['none']);
    await ownerships.remove(mine, two.id);
    beforeWrite = async () => raise('bucket_denied', { destination: 'x', code: 'EPERM' });
    expect(await faults(ownerships.add(mine, { destination_conf: file('7') }))).toEqual([
      'bucket_write_failed /destination_conf',
    ]);
    beforeWrite = async () => {};
    expect(await faults(ownerships.add(mine, { destination_conf: file('8') }))).toEqual(['none']);
    // By now there were nine requests in this minute.
    expect(await faults(ownerships.add(mine, again))).toEqual(['bucket_adds_limited -']);
    expect(await faults(ownerships.add(theirs, { destination_conf: file('9') }))).toEqual(['none']);
  });

  test('none while the disk has too little room', async () => {
    free_bytes = limitFallbacks.disk_free_bytes - 1;
    expect(await faults(ownerships.add(mine, { destination_conf: file('1') }))).toEqual(['disk_floor -']);
    expect(await known()).toEqual([]);
  });
});

describe('add', () => {
  test('so many at one time, of each account', async () => {
    ownerships = await made({ buckets_adding: 3 });
    const answered = Promise.withResolvers<void>();
    beforeWrite = async () => await answered.promise;
    const adding = [1, 2, 3].map(
      async (number) => await ownerships.add(mine, { destination_conf: file(`b${number}`) }),
    );
    await expect.poll(() => opened.length).toBe(3);
    expect(await faults(ownerships.add(mine, { destination_conf: file('b4') }))).toEqual(['share_used -']);
    const others = ownerships.add(theirs, { destination_conf: file('b5') });
    await expect.poll(() => opened.length).toBe(4);
    answered.resolve();
    await Promise.all([...adding, others]);
    expect(await faults(ownerships.add(mine, { destination_conf: file('b4') }))).toEqual(['none']);
  });

  test('writes the challenge and answers pending', async () => {
    const added = await ownerships.add(mine, { destination_conf: file('one/') });
    expect(added).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      account_id: mine.account_id,
      destination_conf: file('one'),
      filename: `ownership-challenge-${added.id}.txt`,
      status: 'pending',
      submitted: expect.any(BigInt),
    });
    expect(await content('one', added.filename)).toMatch(/^[0-9a-f]{64}$/);
    expect(await listed(mine)).toEqual([added]);
    expect(await listed(theirs)).toEqual([]);
    expect(await trail(mine)).toEqual([`token-of-a 192.0.2.7 bucket.add ${added.id}`]);
  });

  test('every fault of the body comes at once', async () => {
    expect(await faults(ownerships.add(mine, null))).toEqual(['body_type ']);
    expect(await faults(ownerships.add(mine, {}))).toEqual(['field_required /destination_conf']);
    expect(await faults(ownerships.add(mine, { destination_conf: 5, x: 1 }))).toEqual([
      'field_type /destination_conf',
      'field_unknown /x',
    ]);
    expect(await faults(ownerships.add(mine, { destination_conf: 'ftp://x', x: 1 }))).toEqual([
      'field_unknown /x',
      'bucket_scheme /destination_conf',
    ]);
    expect(await faults(ownerships.add(mine, { destination_conf: 's3://bucket' }))).toEqual([
      'bucket_ambient_refused /destination_conf',
    ]);
    expect(opened).toEqual([]);
  });

  test("a directory that is not allowed, and one that cannot be written, are the request's fault", async () => {
    expect(await faults(ownerships.add(mine, { destination_conf: 'file:///etc' }))).toEqual([
      'bucket_directory_refused /destination_conf',
    ]);
    beforeWrite = async () => raise('bucket_denied', { code: 'AccessDenied', destination: 'x' });
    const denied = ownerships.add(mine, { destination_conf: file('two') });
    expect(await faults(denied)).toEqual(['bucket_write_failed /destination_conf']);
    await expect(denied).rejects.toThrow('could not be written into file://');
    beforeWrite = async () => raise('endpoint_refused', { host: 'h' });
    expect(await faults(ownerships.add(mine, { destination_conf: file('two') }))).toEqual([
      'endpoint_refused /destination_conf',
    ]);
    beforeWrite = async () => {
      throw new RangeError('a defect');
    };
    expect(await faults(ownerships.add(mine, { destination_conf: file('two') }))).toEqual(['RangeError: a defect']);
    expect(await listed(mine)).toEqual([]);
    expect(await trail(mine)).toEqual([]);
  });

  test('a pending bucket starts again, with a new challenge and new credentials', async () => {
    const uri = (key: string): string => `s3://pcaps?access-key-id=AK&secret-access-key=${key}`;
    const first = await ownerships.add(mine, { destination_conf: uri('old-secret') });
    const old = await content('pcaps', first.filename);
    const second = await ownerships.add(mine, { destination_conf: uri('new-secret') });
    expect(second).toEqual({ ...first, submitted: second.submitted });
    expect(second.submitted).toBeGreaterThan(first.submitted);
    expect(await content('pcaps', first.filename)).not.toBe(old);
    expect(await ownerships.open(first.id)).toMatchObject({ secrets: { secret_access_key: 'new-secret' } });
    const wrong = { destination_conf: first.destination_conf, ownership_challenge: old };
    expect(await faults(ownerships.validate(mine, wrong))).toEqual(['challenge_wrong /ownership_challenge']);
  });

  test('a proved bucket is not added again, but another account may add it too', async () => {
    const added = await ownerships.add(mine, { destination_conf: file('one') });
    const ownership_challenge = await content('one', added.filename);
    await ownerships.validate(mine, { destination_conf: file('one'), ownership_challenge });
    const again = ownerships.add(mine, { destination_conf: file('one') });
    await expect(again).rejects.toThrow(`is already a bucket of this account (id ${added.id})`);
    expect(await faults(again)).toEqual(['ownership_exists /destination_conf']);
    const other = await ownerships.add(theirs, { destination_conf: file('one') });
    expect(other).toMatchObject({ status: 'pending' });
    expect(other.id).not.toBe(added.id);
  });

  test('adds that cross end as one bucket whose challenge counts', async () => {
    const both = await Promise.all([
      ownerships.add(mine, { destination_conf: file('one') }),
      ownerships.add(mine, { destination_conf: file('one') }),
    ]);
    expect(await listed(mine)).toHaveLength(1);
    const [only] = await listed(mine);
    expect(both.map((one) => one.id)).toEqual([only?.id, only?.id]);
    const ownership_challenge = await content('one', only?.filename ?? '');
    const validated = await ownerships.validate(mine, { destination_conf: file('one'), ownership_challenge });
    expect(validated.status).toBe('success');
  });

  test('an add that others undo again and again gives up', async () => {
    const rival = (id: string) => ({
      id,
      account_id: mine.account_id,
      destination_conf: file('one'),
      filename: 'f',
      status: 'pending' as const,
      submitted: 1n,
      challenge_digest: '00',
    });
    let turn = 0;
    beforeWrite = async () => {
      turn += 1;
      await db.transaction(async (tx) => {
        if (turn === 2) await removeOwnership(tx, 'rival1', 1n);
        else await insertOwnership(tx, rival(`rival${turn}`));
      });
    };
    expect(await faults(ownerships.add(mine, { destination_conf: file('one') }))).toEqual(['unavailable -']);
    expect(turn).toBe(3);
    expect((await listed(mine)).map((one) => one.id)).toEqual(['rival3']);
    expect(await trail(mine)).toEqual([]);
  });

  test('secrets are sealed, and in no answer, row or message', async () => {
    const secret = 'wJalrXUtnFEMI-K7MDENG';
    const destination_conf = `s3://pcaps/dir?region=eu-central-1&access-key-id=AKIDEXAMPLE&secret-access-key=${secret}`;
    const added = await ownerships.add(mine, { destination_conf });
    expect(added.destination_conf).toBe('s3://pcaps/dir?region=eu-central-1');
    expect(opened[0]?.secrets).toEqual({ access_key_id: 'AKIDEXAMPLE', secret_access_key: secret });
    expect(await ownerships.open(added.id)).toEqual({
      account_id: mine.account_id,
      destination: { scheme: 's3', bucket: 'pcaps', directory: 'dir', region: 'eu-central-1' },
      secrets: { access_key_id: 'AKIDEXAMPLE', secret_access_key: secret },
    });
    const rows = await Promise.all([
      db.query.selectFrom('ownerships').selectAll().execute(),
      db.query.selectFrom('audit').selectAll().execute(),
    ]);
    const text = JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value));
    expect(text).toContain(added.id);
    expect(text).not.toMatch(/wJalr|AKIDEXAMPLE/);
  });
});

describe('validate', () => {
  test('the right content proves it, with white space around it and again later', async () => {
    const added = await ownerships.add(mine, { destination_conf: file('one') });
    const right = await content('one', added.filename);
    const body = { destination_conf: file('one'), ownership_challenge: `${right}\r\n` };
    const validated = await ownerships.validate(mine, body);
    expect(validated).toEqual({ ...added, status: 'success', validated: expect.any(BigInt) });
    expect(await ownerships.validate(mine, body)).toEqual(validated);
    expect(await listed(mine)).toEqual([validated]);
    expect((await trail(mine)).filter((line) => line.includes('validate'))).toHaveLength(1);
    const wrong = { ...body, ownership_challenge: 'x' };
    expect(await faults(ownerships.validate(mine, wrong))).toEqual(['challenge_wrong /ownership_challenge']);
    expect((await listed(mine))[0]?.status).toBe('success');
  });

  test('the same proof twice at once is written down once', async () => {
    const added = await ownerships.add(mine, { destination_conf: file('one') });
    const ownership_challenge = await content('one', added.filename);
    const body = { destination_conf: file('one'), ownership_challenge };
    const both = await Promise.all([ownerships.validate(mine, body), ownerships.validate(mine, body)]);
    expect(both[0]).toEqual(both[1]);
    expect((await trail(mine)).filter((line) => line.includes('validate'))).toHaveLength(1);
  });

  test('a wrong content leaves it pending', async () => {
    const added = await ownerships.add(mine, { destination_conf: file('one') });
    const right = await content('one', added.filename);
    for (const wrong of ['x', right.slice(1), `${right}0`, right.toUpperCase().replace(/^./, 'x')]) {
      const asked = ownerships.validate(mine, { destination_conf: file('one'), ownership_challenge: wrong });
      expect(await faults(asked)).toEqual(['challenge_wrong /ownership_challenge']);
    }
    expect((await listed(mine))[0]?.status).toBe('pending');
  });

  test("the file's name, in any form, is told apart", async () => {
    const { filename } = await ownerships.add(mine, { destination_conf: file('one') });
    for (const sent of [filename, `one/${filename}`, `s3://b/one/${filename}?x=1`, ` ${filename} `]) {
      const asked = ownerships.validate(mine, { destination_conf: file('one'), ownership_challenge: sent });
      expect(await faults(asked)).toEqual(['challenge_is_filename /ownership_challenge']);
    }
  });

  test("a bucket that is not there, or another account's, is not owned", async () => {
    const added = await ownerships.add(theirs, { destination_conf: file('one') });
    const ownership_challenge = await content('one', added.filename);
    const asked = ownerships.validate(mine, { destination_conf: file('one'), ownership_challenge });
    expect(await faults(asked)).toEqual(['destination_not_owned /destination_conf']);
  });

  test('secrets in the URI are not needed and not looked at', async () => {
    const added = await ownerships.add(mine, {
      destination_conf: 's3://pcaps?access-key-id=AK&secret-access-key=right',
    });
    const ownership_challenge = await content('pcaps', added.filename);
    const uri = 's3://pcaps?access-key-id=XX&secret-access-key=other';
    expect((await ownerships.validate(mine, { destination_conf: uri, ownership_challenge })).status).toBe('success');
  });

  test('every fault of the body comes at once', async () => {
    expect(await faults(ownerships.validate(mine, { destination_conf: 'ftp://x', ownership_challenge: 5 }))).toEqual([
      'field_type /ownership_challenge',
      'bucket_scheme /destination_conf',
    ]);
  });
});

describe('remove', () => {
  const capture = (ownership_id: string) =>
    ({
      id: 'c'.repeat(32),
      account_id: mine.account_id,
      principal_id: 'p',
      spec: {
        type: 'full',
        system: 'magic-transit',
        time_limit_s: 1,
        filter_v1: {},
        format: 'pcap',
        colo_name: 'x',
        destination_conf: file('one'),
        ownership_id,
      },
      scope: { sensors: 'all', networks: 'all' },
      status: 'running',
      submitted: 1n,
      delivery: 'direct',
      piece_bytes: 8_388_608,
      version: 1n,
    }) as const;

  test('takes the secrets along; the destination can be added anew', async () => {
    const destination_conf = 's3://pcaps?access-key-id=AK&secret-access-key=S';
    const added = await ownerships.add(mine, { destination_conf });
    expect(await faults(ownerships.remove(theirs, added.id))).toEqual(['not_found -']);
    await ownerships.remove(mine, added.id);
    expect(await faults(ownerships.remove(mine, added.id))).toEqual(['not_found -']);
    expect(await listed(mine)).toEqual([]);
    expect((await ownershipById(db, added.id))?.sealed).toBeUndefined();
    await expect(ownerships.open(added.id)).rejects.toThrow('the bucket was removed');
    expect(await faults(ownerships.open('none'))).toEqual(['not_found -']);
    expect((await trail(mine)).filter((line) => line.includes('remove'))).toEqual([
      `token-of-a 192.0.2.7 bucket.remove ${added.id}`,
    ]);
    expect((await ownerships.add(mine, { destination_conf })).id).not.toBe(added.id);
    expect(await readdir(join(root, 'pcaps'))).toHaveLength(2);
  });

  test('is refused while a capture uses it', async () => {
    const added = await ownerships.add(mine, { destination_conf: file('one') });
    await db.transaction((tx) => insertCapture(tx, capture(added.id)));
    const asked = ownerships.remove(mine, added.id);
    expect(await faults(asked)).toEqual(['bucket_in_use -']);
    await expect(asked).rejects.toThrow(`in use by capture ${'c'.repeat(32)}`);
    await db.transaction((tx) => updateCapture(tx, 'c'.repeat(32), 1n, { status: 'complete' }));
    await ownerships.remove(mine, added.id);
  });
});

test('after a rotation of the key, all is sealed anew, once', async () => {
  const uri = (bucket: string): string => `s3://${bucket}?access-key-id=AK&secret-access-key=S-${bucket}`;
  const one = await ownerships.add(mine, { destination_conf: uri('bucket-one') });
  await ownerships.add(theirs, { destination_conf: uri('bucket-two') });
  await ownerships.add(mine, { destination_conf: file('three') });
  const before = await sealedOwnerships(db);
  await rotateKeyFile(join(base, 'secret.key'), random);
  const vault = await vaultOf();
  expect(await reseal(db, vault)).toBe(2);
  expect(await reseal(db, vault)).toBe(0);
  const after = await sealedOwnerships(db);
  expect(after.map((row) => row.id)).toEqual(before.map((row) => row.id));
  expect(after.some((row) => before.some((old) => old.sealed === row.sealed))).toBe(false);
  const sealed = after.find((row) => row.id === one.id)?.sealed ?? '';
  expect(vault.open(sealed, one.id)).toEqual({ access_key_id: 'AK', secret_access_key: 'S-bucket-one' });
});
