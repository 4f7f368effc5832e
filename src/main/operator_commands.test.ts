import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createAuthenticator } from '../control/accounts/authenticator.ts';
import { ensureBootstrap } from '../control/accounts/ensure_bootstrap.ts';
import type { Database } from '../db/database.ts';
import { insertCapture } from '../db/captures.ts';
import { openDatabase } from '../db/open_database.ts';
import { insertParts, partsOf } from '../db/parts.ts';
import { plainCapture } from '../db/suite/samples.ts';
import { fault } from '../model/errors/fault.ts';
import { listSensors, sensorsLeft, upsertSensor } from '../db/sensors.ts';
import type { Principal } from '../model/principal.ts';
import { formatTime } from '../model/time.ts';
import { registerAccountCommands } from './account_command.ts';
import { databasePath } from './operator_command.ts';
import { registerSensorCommands } from './sensor_command.ts';
import { registerTokenCommands } from './token_command.ts';
import { registerUserCommands } from './user_command.ts';

const second = 1_000_000_000n;
const first = 'a'.repeat(32);
const random = (count: number): Uint8Array => randomBytes(count);

let data_dir: string;
let now: bigint;
/** What a running edgetap has open at the same time. */
let serving: Database;

beforeEach(async () => {
  now = 1_800_000_000n * second;
  data_dir = await mkdtemp(join(tmpdir(), 'edgetap-operator-'));
  serving = await openDatabase({ url: `sqlite:${databasePath(data_dir)}`, clock: () => now });
  await ensureBootstrap(serving, { account_id: first, token: 'the token of the operator' }, random);
});
afterEach(async () => {
  await serving.close();
  await rm(data_dir, { recursive: true });
});

interface Ran {
  readonly out: string;
  readonly err: string;
}

/** Runs `edgetap` with these arguments. */
async function edgetap(...args: readonly string[]): Promise<Ran> {
  let [out, err] = ['', ''];
  const deps = {
    random,
    host: { wall: () => now, monotonic: () => now, boottime: () => now, boot: 'b' },
    print: (text: string) => {
      out += text;
    },
    note: (text: string) => {
      err += text;
    },
  };
  const program = new Command('edgetap').exitOverride();
  const quiet = { writeOut: deps.print, writeErr: deps.note };
  registerAccountCommands(program, deps);
  registerTokenCommands(program, deps);
  registerUserCommands(program, deps);
  registerSensorCommands(program, deps);
  const silence = (command: Command): void => {
    command.exitOverride().configureOutput(quiet);
    command.commands.forEach(silence);
  };
  silence(program);
  await program.parseAsync([...args, '--data-dir', data_dir], { from: 'user' });
  return { out, err };
}

const authenticate = (credentials: Parameters<ReturnType<typeof createAuthenticator>['authenticate']>[0]) =>
  createAuthenticator(serving).authenticate(credentials);
const bearer = (token: string): Promise<Principal> => authenticate({ authorization: `Bearer ${token}` });

describe('edgetap token', () => {
  test('create prints the token alone on standard output, and it works at once', async () => {
    const { out, err } = await edgetap('token', 'create', '--name', 'ci', '--permission', 'write', '--expires', '90d');
    expect(out).toMatch(/^et_[0-9A-Za-z]{46}\n$/);
    expect(err).toMatch(
      /^Token "ci" \([0-9a-f]{32}\), write, expires 2027-04-15T08:00:00Z\. It is shown this once:\n$/,
    );
    const principal = await bearer(out.trim());
    expect(principal).toMatchObject({ account_id: first, permission: 'write' });
    expect(principal.expires_at).toBe(now + 7_776_000n * second);
  });

  test('create reads by default, without end; --json is all that a script needs', async () => {
    const { out, err } = await edgetap('token', 'create', '--name', 'ci', '--json');
    const made = JSON.parse(out) as { token: string };
    expect(made).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      account_id: first,
      name: 'ci',
      permission: 'read',
      created: formatTime(now),
      token: expect.stringMatching(/^et_/),
    });
    expect(err).toBe('');
    expect((await bearer(made.token)).permission).toBe('read');
  });

  test('list shows what there is and no secret', async () => {
    now += 1n * second;
    const { out: secret } = await edgetap('token', 'create', '--name', 'short', '--expires', '1m');
    now += 60n * second;
    const { out } = await edgetap('token', 'list');
    const lines = out.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^ID +ACCOUNT +PERMISSION +STATUS +CREATED +EXPIRES +LAST USED +NAME$/);
    expect(lines[1]).toMatch(/ write +active +2027-01-15T08:00:00Z +- +- +EDGETAP_BOOTSTRAP_TOKEN$/);
    expect(lines[2]).toMatch(/ read +expired +2027-01-15T08:00:01Z +2027-01-15T08:01:01Z +- +short$/);
    const { out: json } = await edgetap('token', 'list', '--account', first, '--json');
    expect((JSON.parse(json) as { status: string }[]).map((one) => one.status)).toEqual(['active', 'expired']);
    for (const shown of [out, json]) {
      expect(shown).not.toContain(secret.slice(3, 30));
      expect(shown).not.toContain('the token of the operator');
      expect(shown).not.toMatch(/[0-9a-f]{64}/);
    }
  });

  test('revoke ends it', async () => {
    const { out } = await edgetap('token', 'create', '--name', 'ci', '--json');
    const made = JSON.parse(out) as { id: string; token: string };
    expect((await edgetap('token', 'revoke', made.id)).err).toBe(`Token ${made.id} is revoked.\n`);
    expect(JSON.parse((await edgetap('token', 'revoke', made.id, '--json')).out)).toEqual({
      id: made.id,
      status: 'revoked',
    });
    await expect(bearer(made.token)).rejects.toThrow('No valid credentials');
    await expect(edgetap('token', 'revoke', 'none')).rejects.toThrow('There is no token none.');
  });

  test('with several accounts, one must be named', async () => {
    const { out } = await edgetap('account', 'create', 'second');
    await expect(edgetap('token', 'create', '--name', 'x')).rejects.toThrow('--account is "": it must be the id');
    await expect(edgetap('token', 'create', '--name', 'x', '--account', 'y')).rejects.toThrow('no account y');
    await expect(edgetap('token', 'list', '--account', 'y')).rejects.toThrow('no account y');
    const made = await edgetap('token', 'create', '--name', 'x', '--account', out.trim());
    expect((await bearer(made.out.trim())).account_id).toBe(out.trim());
  });

  test.each([
    [['token', 'create'], "required option '--name <name>' not specified"],
    [['token', 'create', '--name', 'x', '--permission', 'all'], 'Allowed choices are read, write'],
    [['token', 'create', '--name', 'x', '--expires', 'soon'], '--expires is "soon"'],
    [['token', 'revoke'], "missing required argument 'id'"],
    [['token', 'list', '--what'], "unknown option '--what'"],
  ])('%j is refused', async (args, message) => {
    await expect(edgetap(...args)).rejects.toThrow(message);
  });
});

describe('edgetap account', () => {
  test('create, list and grant', async () => {
    now += 1n * second;
    const { out, err } = await edgetap('account', 'create', 'team', '--sensors', 'ord-1,ord-2');
    const id = out.trim();
    const unseen = (sensor: string): string =>
      `edgetap: No sensor named ${sensor} is known (none is known yet): the grant is kept, and counts once there is one of this name.\n`;
    expect(err).toBe(
      `${unseen('ord-1')}${unseen('ord-2')}Account "team" (${id}): sensors ord-1,ord-2, networks none.\n` +
        'It sees no packet yet: grant it both with "edgetap account grant".\n',
    );
    expect((await edgetap('account', 'grant', id, '--networks', '10.1.2.3/8,2001:DB8::/32')).err).toBe(
      `Account "team" (${id}): sensors ord-1,ord-2, networks 10.0.0.0/8,2001:db8::/32.\n`,
    );
    // Only what a grant names now is told: sensor_unseen.
    expect((await edgetap('account', 'grant', id, '--sensors', 'ord-1,ord-2')).err).toContain(unseen('ord-2'));
    const { out: listed } = await edgetap('account', 'list');
    expect(listed.split('\n').slice(0, 3)).toEqual([
      expect.stringMatching(/^ID +NAME +CREATED +SENSORS +NETWORKS$/),
      expect.stringMatching(new RegExp(`^${first} +default +2027-01-15T08:00:00Z +all +all$`)),
      expect.stringMatching(new RegExp(`^${id} +team .* ord-1,ord-2 +10.0.0.0/8,2001:db8::/32$`)),
    ]);
    expect(JSON.parse((await edgetap('account', 'grant', id, '--sensors', 'none', '--json')).out)).toEqual({
      id,
      name: 'team',
      created: formatTime(now),
      scope: { sensors: [], networks: ['10.0.0.0/8', '2001:db8::/32'] },
    });
    expect(JSON.parse((await edgetap('account', 'list', '--json')).out)).toHaveLength(2);
    expect((await edgetap('account', 'create', 'all', '--sensors', 'all', '--networks', 'all')).err).not.toContain(
      'no packet',
    );
  });

  test.each([
    [['account', 'grant', first], '--sensors is "": it must be given, or --networks, or both.'],
    [['account', 'grant', first, '--networks', 'x'], '--networks is "x"'],
    [['account', 'create', 'x', '--sensors', 'a b'], '--sensors is "a b"'],
    [['account', 'grant', 'none', '--sensors', 'all'], 'There is no account none.'],
  ])('%j is refused', async (args, message) => {
    await expect(edgetap(...args)).rejects.toThrow(message);
  });
});

describe('edgetap user', () => {
  test('create, list and revoke', async () => {
    const { out, err } = await edgetap('user', 'create', 'Ann@example.com');
    expect(out).toMatch(/^ek_[0-9A-Za-z]{46}\n$/);
    const id = /\(([0-9a-f]{32})\)/.exec(err)?.[1] ?? '';
    expect(err).toBe(`User ann@example.com (${id}), write. The key is shown this once:\n`);
    const credentials = { auth_email: 'ann@example.com', auth_key: out.trim() };
    expect(await authenticate(credentials)).toMatchObject({ id, kind: 'user', permission: 'write' });
    await expect(edgetap('user', 'create', 'ann@example.com')).rejects.toThrow('has a user ann@example.com already');

    const { out: listed } = await edgetap('user', 'list');
    expect(listed.split('\n')[1]).toMatch(new RegExp(`^${id} +${first} +write +active .* ann@example.com$`));
    expect((await edgetap('user', 'revoke', id)).err).toBe(`The key of user ${id} is revoked.\n`);
    await expect(authenticate(credentials)).rejects.toThrow('No valid credentials');
    const { out: json } = await edgetap('user', 'list', '--account', first, '--json');
    expect(JSON.parse(json)).toEqual([
      {
        id,
        account_id: first,
        email: 'ann@example.com',
        permission: 'write',
        created: formatTime(now),
        revoked_at: formatTime(now),
        status: 'revoked',
      },
    ]);
    expect(json).not.toContain(out.slice(3, 30));
    await expect(edgetap('user', 'revoke', id, '--json')).rejects.toThrow(`There is no user ${id}`);
  });

  test('create as JSON, reading only', async () => {
    const { out } = await edgetap('user', 'create', 'bob@example.com', '--permission', 'read', '--json');
    expect(JSON.parse(out)).toMatchObject({ email: 'bob@example.com', permission: 'read', key: expect.any(String) });
  });
});

test('where nothing was ever started, no database is made', async () => {
  await serving.close();
  await rm(databasePath(data_dir));
  await expect(edgetap('account', 'list')).rejects.toMatchObject({
    faults: [{ name: 'database_missing', message: expect.stringContaining(databasePath(data_dir)) as string }],
  });
});

describe('edgetap sensor', () => {
  const heard = async (name: string, ago_s: bigint): Promise<void> =>
    void (await serving.transaction(
      async (tx) =>
        await upsertSensor(tx, {
          name,
          colo: 'lab01',
          epoch: 'e1',
          version: 1,
          last_heard: now - ago_s * second,
          interfaces: [{ name: 'eth0', index: 2, up: true }],
          samples: [],
          spool_used_bytes: 0n,
          spool_limit_bytes: 1n,
          sensor_id: name.padEnd(32, '0'),
        }),
    ));
  const names = async (): Promise<readonly string[]> => (await listSensors(serving)).map(({ name }) => name);

  test('list says how each of them is', async () => {
    for (const [name, ago_s] of [
      ['aa', 29n],
      ['bb', 30n],
      ['cc', 5n],
    ] as const)
      await heard(name, ago_s);
    await serving.transaction(async (tx) => await sensorsLeft(tx, ['cc'], now - second));
    const { out } = await edgetap('sensor', 'list');
    expect(out.split('\n').map((line) => line.split(/ {2,}/))).toMatchObject([
      ['NAME', 'COLO', 'STATUS', 'LAST HEARD', 'INTERFACES', 'ID'],
      ['aa', 'lab01', 'at work', expect.anything(), 'eth0', 'aa'.padEnd(32, '0')],
      ['bb', 'lab01', 'silent', expect.anything(), 'eth0', 'bb'.padEnd(32, '0')],
      ['cc', 'lab01', 'left', expect.anything(), 'eth0', 'cc'.padEnd(32, '0')],
      [''],
    ]);
    const listed = JSON.parse((await edgetap('sensor', 'list', '--json')).out) as readonly unknown[];
    expect(listed).toMatchObject([
      { name: 'aa', status: 'at_work' },
      { status: 'silent' },
      { left_at: expect.stringMatching(/Z$/) as string },
    ]);
  });

  test('remove forgets one that is gone, and none that is at work', async () => {
    const capture_id = 'c'.repeat(32);
    await serving.transaction(async (tx) => {
      await insertCapture(tx, plainCapture(first, { id: capture_id, status: 'running' }));
      const part = { capture_id, sensor: 'gone', interface: 'eth0', colo: 'lab01', ordinal: 0, sequence: 1 };
      await insertParts(tx, [{ ...part, phase: 'armed' }]);
    });
    await heard('gone', 10n);
    await heard('left', 0n);
    await heard('there', 9n);
    await serving.transaction(async (tx) => await sensorsLeft(tx, ['left'], now));
    const { err } = await edgetap('sensor', 'remove', 'gone');
    expect(err).toBe('The sensor gone is forgotten. Started again, it is known again.\n');
    expect((await edgetap('sensor', 'remove', 'left', '--json')).out).toContain('"removed"');
    expect(await names()).toEqual(['there']);
    expect((await partsOf(serving, capture_id)).map(({ phase, error }) => [phase, error])).toEqual([
      ['lost', fault('sensor_removed', { sensor: 'gone' }).message],
    ]);
    await expect(edgetap('sensor', 'remove', 'gone')).rejects.toMatchObject({ faults: [{ name: 'sensor_unknown' }] });
    await expect(edgetap('sensor', 'remove', 'there')).rejects.toMatchObject({
      faults: [
        {
          name: 'sensor_at_work',
          message: expect.stringMatching(/heard of 9 s ago\. Stop it, then remove it after 10 s/) as string,
        },
      ],
    });
    expect(await names()).toEqual(['there']);
  });
});
