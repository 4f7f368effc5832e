import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isWhole } from '../support/ends_whole.ts';
import { edgetapProgram } from '../support/edgetap_program.ts';
import { captureHint, surroundings } from '../../src/libpcap/capture_hint.ts';
import { fault } from '../../src/model/errors/fault.ts';
import { failedStart } from '../support/failed_start.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { numberOf, startNumberedTraffic } from '../support/numbered_traffic.ts';
import { parsePcap } from '../support/packet_samples.ts';
import { quietLink } from '../support/quiet_link.ts';
import { type Served, type ServeOptions, startServe } from '../support/serve.ts';
import {
  captureBecomes,
  createCapture,
  deliveredFile,
  downloadFile,
  provedFileBucket,
  stopCapture,
} from '../support/take_captures.ts';
import { testLinkName } from '../support/test_link_name.ts';
import { waitFor } from '../support/wait_for.ts';
import { allArmed, sensorsOf } from './shown_sensors.ts';
import { endsAsCovered } from '../support/ends_as_covered.ts';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'edgetap-startup-'));
const file = (name: string): string => join(folder, name);
/** A data directory in which this file is damaged. */
const damaged = (name: string): string => {
  const data = mkdtempSync(file('damaged-'));
  mkdirSync(join(data, name, '..'), { recursive: true });
  writeFileSync(join(data, name), 'nothing that anybody can read '.repeat(100));
  return data;
};
const servers: Served[] = [];
let pair: NamespacePair;

beforeAll(async () => {
  pair = await createNamespacePair();
  for (const name of ['one', 'two']) {
    const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    const names = ['-subj', '/CN=edgetap', '-addext', 'subjectAltName=IP:127.0.0.1'];
    await run('openssl', [...args, ...names, '-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)]);
  }
  writeFileSync(file('text'), 'neither a directory nor PEM\n');
  writeFileSync(file('exposed.key'), `${Buffer.alloc(32, 1).toString('base64')}\n`);
  chmodSync(file('exposed.key'), 0o644);
});
afterAll(async () => {
  for (const served of servers) await served.remove();
  await pair?.remove();
  rmSync(folder, { recursive: true, force: true });
});

async function start(options: Partial<ServeOptions> = {}): Promise<Served> {
  const served = await startServe({ interfaces: [pair.near.name], ...options });
  servers.push(served);
  return served;
}

describe('what is set wrongly stops the start with one line that names it', () => {
  test.each<[string, Record<string, string>, RegExp, number?]>([
    [
      'a setting that there is not',
      { INTERFACE: 'eth0' },
      /EDGETAP_INTERFACE is not a setting of edgetap: did you mean EDGETAP_INTERFACES\?/,
      2,
    ],
    [
      'a damaged lock file',
      { DATA_DIR: damaged('serve.lock') },
      /The lock file .*\/serve\.lock is damaged \(.*\): see that no edgetap works/,
      1,
    ],
    [
      "a damaged lock file of the sensor's",
      { DATA_DIR: damaged('sensor/sensor.lock') },
      /The lock file .*\/sensor\/sensor\.lock is damaged/,
      1,
    ],
    ['any as interface', { INTERFACES: 'eth0 any' }, /EDGETAP_INTERFACES is "eth0 any": it must be .*"any" is none/],
    ['a path as interface', { INTERFACES: '/sys/class/net/eth0' }, /EDGETAP_INTERFACES is .* cannot be one/],
    [
      'an interface with too long a name',
      { INTERFACES: 'sixteen-bytes-xy' },
      /EDGETAP_INTERFACES is "sixteen-bytes-xy": it must be .*no alternative name of an interface of this host/,
    ],
    ['no number', { SAMPLE_RATE: 'often' }, /EDGETAP_SAMPLE_RATE is "often": it must be a whole number/],
    [
      'a data directory below a file',
      { DATA_DIR: file('text/data') },
      /EDGETAP_DATA_DIR is ".*text\/data": it must be a directory/,
    ],
    [
      'buckets below a file',
      { FILE_BUCKETS: file('text/b') },
      /EDGETAP_FILE_BUCKETS is ".*text\/b": it must be a directory/,
    ],
    [
      'buckets where nothing can be made',
      { FILE_BUCKETS: '/proc/x' },
      /EDGETAP_FILE_BUCKETS is "\/proc\/x": it must be a directory that can be made/,
    ],
    [
      'a data directory where nothing can be made',
      { DATA_DIR: '/proc/x' },
      /EDGETAP_DATA_DIR is "\/proc\/x": it must be a directory that can be made/,
    ],
    ['a directory as key file', { SECRET_KEY_FILE: folder }, /EDGETAP_SECRET_KEY_FILE is ".*": it must be a file/],
    [
      'a key file that others can read',
      { SECRET_KEY_FILE: file('exposed.key') },
      /can be read by others: run "chmod 600/,
      1,
    ],
    [
      'no such certificate',
      { TLS_CERT: file('none'), TLS_KEY: file('one.key') },
      /EDGETAP_TLS_CERT is ".*none": it must be a file/,
    ],
    [
      'a certificate that is none',
      { TLS_CERT: file('text'), TLS_KEY: file('one.key') },
      /EDGETAP_TLS_CERT is ".*text": it must be a certificate/,
    ],
    [
      "another certificate's key",
      { TLS_CERT: file('one.pem'), TLS_KEY: file('two.key') },
      /EDGETAP_TLS_KEY is ".*two.key": it must be the private key/,
    ],
    [
      'a proxy without an address',
      { TRUST_PROXY: 'proxy.example' },
      /EDGETAP_TRUST_PROXY is "proxy.example": it must be addresses/,
    ],
    ['an endpoint that is none', { ALLOW_ENDPOINTS: 'https://' }, /EDGETAP_ALLOW_ENDPOINTS/],
    ['an address of another host', { LISTEN: '192.0.2.1:8787' }, /Cannot listen on 192\.0\.2\.1:8787: /, 1],
  ])('%s', async (_what, settings, line, code = 2) => {
    const env = Object.fromEntries(Object.entries(settings).map(([name, value]) => [`EDGETAP_${name}`, value]));
    const ended = await failedStart({ EDGETAP_DATA_DIR: file('data'), EDGETAP_INTERFACES: pair.near.name, ...env });
    expect(ended).toEqual({ code, stdout: '', stderr: expect.stringMatching(/^edgetap: [^\n]*\n$/) });
    expect(ended.stderr).toMatch(line);
  });
});

describe('the first token', () => {
  const nobody = { EDGETAP_BOOTSTRAP_TOKEN: '', EDGETAP_ACCOUNT_ID: '' };
  const asWhom = async (served: Served, token: string): Promise<number> => {
    const response = await fetch(`${served.base_url}/user/tokens/verify`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return response.status;
  };

  test('is shown once, and not lost with a start that fails', async () => {
    const data_dir = file('first');
    const taken = createServer();
    taken.listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const failed = await failedStart({ EDGETAP_DATA_DIR: data_dir, EDGETAP_LISTEN: `127.0.0.1:${port}` });
    expect(failed).toMatchObject({ code: 1, stdout: '' });
    const told = fault('listen_failed', { address: `127.0.0.1:${port}`, reason: '' }).message;
    expect(failed.stderr.startsWith(`edgetap: ${told}`)).toBe(true);
    expect(failed.stderr).toMatch(/^[^\n]*EADDRINUSE[^\n]*\n$/);
    taken.close();

    const first = await start({ data_dir, env: nobody });
    const token = /Token\s+(\S+)\s+\(shown this once/.exec(first.output())?.[1] ?? '';
    const account = /Account\s+([0-9a-f]{32})\n/.exec(first.output())?.[1];
    expect(await asWhom(first, token)).toBe(200);
    expect(await first.stop()).toBe(0);
    const second = await start({ data_dir, env: nobody });
    expect(second.output()).not.toContain(token);
    expect(second.output()).toMatch(/Token\s+the one that was made at the first start/);
    expect(second.output()).toContain(`Account  ${account}\n`);
    expect(await asWhom(second, token)).toBe(200);
    expect(await second.stop()).toBe(0);
  });

  test('can be given, with the account; another one is good beside it', async () => {
    const [before, after] = ['first-token-0123456789', 'second-token-0123456789'];
    const first = await start({ data_dir: file('given'), env: { EDGETAP_BOOTSTRAP_TOKEN: before } });
    expect(first.output()).toContain(`Account  ${first.account_id}\n`);
    expect(first.output()).toContain('the one in EDGETAP_BOOTSTRAP_TOKEN');
    expect(first.output()).not.toContain(before);
    expect(await asWhom(first, before)).toBe(200);
    expect(await first.stop()).toBe(0);
    const second = await start({ data_dir: file('given'), env: { EDGETAP_BOOTSTRAP_TOKEN: after } });
    expect([await asWhom(second, before), await asWhom(second, after)]).toEqual([200, 200]);
    expect(await second.stop()).toBe(0);
  });

  test("the command line's settings lock nobody out: a read token and another account are left out, with a warning", async () => {
    const [data_dir, owner] = [file('cli'), 'et_owner-token-of-the-first-start'];
    const first = await start({ data_dir, env: { EDGETAP_BOOTSTRAP_TOKEN: '', EDGETAP_TOKEN: owner } });
    expect(first.output()).toContain('the one in EDGETAP_TOKEN');
    expect(await asWhom(first, owner)).toBe(200);
    const made = await run(
      edgetapProgram,
      ['token', 'create', '--account', first.account_id].concat([
        '--name',
        'reader',
        '--permission',
        'read',
        '--data-dir',
        data_dir,
      ]),
    );
    const read = made.stdout.trim().split('\n').at(-1) ?? '';
    expect(await asWhom(first, read)).toBe(200);
    expect(await first.stop()).toBe(0);
    const shell = { EDGETAP_BOOTSTRAP_TOKEN: '', EDGETAP_TOKEN: read, EDGETAP_ACCOUNT_ID: 'd'.repeat(32) };
    const second = await start({ data_dir, env: shell });
    expect(second.output()).toContain(`Account  ${first.account_id}\n`);
    for (const name of ['token_setting_ignored', 'account_setting_ignored'] as const) {
      expect(second.output()).toContain(`  ! ${fault(name, { account: first.account_id }).message}\n`);
    }
    expect([await asWhom(second, owner), await asWhom(second, read)]).toEqual([200, 200]);
    const order = { type: 'simple', system: 'magic-transit', time_limit: 1, packet_limit: 1 };
    const asked = await fetch(`${second.base_url}/accounts/${first.account_id}/pcaps`, {
      method: 'POST',
      headers: { authorization: `Bearer ${owner}`, 'content-type': 'application/json' },
      body: JSON.stringify(order),
    });
    expect(asked.status).toBe(200);
    expect(await second.stop()).toBe(0);
  });
});

test('without CAP_NET_RAW the API runs, says in one line what to do, and a full capture fails with that reason', async () => {
  const served = await start({ via: ['setpriv', '--bounding-set=-net_raw', '--inh-caps=-net_raw'] });
  const line = fault('capture_denied', { hint: captureHint(surroundings()) }).message;
  expect(line).toContain('--cap-add NET_RAW');
  expect(line).not.toContain('sudo');
  expect(
    served
      .output()
      .split('\n')
      .filter((one) => one.includes(line) && !one.startsWith('{')),
  ).toEqual([`  ! ${line}`]);
  const destination_conf = await provedFileBucket(served);
  const order = { type: 'full', time_limit: 3600, colo_name: 'lab01', destination_conf };
  const made = await createCapture(served, order);
  expect(await captureBecomes(served, made.id)).toMatchObject({
    status: 'failed',
    error_message: `s1/${pair.near.name}: ${line}`,
  });
  const lookback = await createCapture(served, { type: 'simple', time_limit: 5, packet_limit: 5 });
  expect((await captureBecomes(served, lookback.id)).status).toBe('failed');
  expect(await served.stop()).toBe(0);
});

test('TLS', async () => {
  const served = await start({ env: { EDGETAP_TLS_CERT: file('one.pem'), EDGETAP_TLS_KEY: file('one.key') } });
  expect(served.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  const answer = get(`${served.base_url}/user/tokens/verify`, {
    ca: readFileSync(file('one.pem')),
    headers: { authorization: `Bearer ${served.token}` },
    agent: false,
  });
  const [response] = (await once(answer, 'response')) as [
    { statusCode?: number; headers: Record<string, string>; resume(): void },
  ];
  response.resume();
  expect(response.statusCode).toBe(200);
  expect(response.headers['strict-transport-security']).toMatch(/^max-age=/);
  await expect(fetch(served.url.replace('https', 'http'))).rejects.toThrow();
  expect(await served.stop()).toBe(0);
});

test("a proxy's word on the client's address counts only where it is trusted", async () => {
  const addressOf = async (served: Served): Promise<string | undefined> => {
    await fetch(`${served.base_url}/nothing`, { headers: { 'x-forwarded-for': '203.0.113.9' } });
    const line = await waitFor(
      () =>
        served
          .output()
          .split('\n')
          .find((one) => one.includes('/nothing')),
      { what: 'a line' },
    );
    return (JSON.parse(line) as { address?: string }).address;
  };
  const data_dir = file('proxy');
  const plain = await start({ data_dir });
  expect(await addressOf(plain)).toBe('127.0.0.1');
  expect(await plain.stop()).toBe(0);
  const behind = await start({ data_dir, env: { EDGETAP_TRUST_PROXY: '127.0.0.0/8, ::1' } });
  expect(await addressOf(behind)).toBe('203.0.113.9');
  expect(await behind.stop()).toBe(0);
});

test('an interface that is not there yet is told, and sampled and captured once it is', async () => {
  const [near, far] = ['a', 'b'].map((side) => `${testLinkName()}${side}`);
  const served = await start({ interfaces: [near ?? ''] });
  expect(served.output()).toContain(`on no interface`);
  expect(served.output()).toContain(
    `  ! There is no interface ${near} on this host. It is taken as soon as it is there.\n`,
  );
  const destination_conf = await provedFileBucket(served);
  const order = { type: 'full', time_limit: 3600, colo_name: 'lab01', destination_conf };
  const early = await createCapture(served, order);
  expect(await captureBecomes(served, early.id)).toMatchObject({
    status: 'failed',
    error_message: `s1/${near}: There is no interface ${near} on this host now: bring it up, or correct EDGETAP_INTERFACES. It is taken as soon as it is there.`,
  });

  await run('ip', ['link', 'add', near ?? '', 'type', 'veth', 'peer', 'name', far ?? '']);
  try {
    for (const name of [near, far]) {
      quietLink(name ?? '', undefined);
      await run('ip', ['link', 'set', name ?? '', 'arp', 'off', 'up']);
    }
    const traffic = startNumberedTraffic({ name: far ?? '' }, { frames_per_s: 100, frame_bytes: 100, first: 0 });
    try {
      const metrics = async (): Promise<string> => await (await fetch(`${served.url}/metrics`)).text();
      for (const [what, name, value] of [
        ['captured', 'edgetap_sensor_interface_up', '1'],
        ['sampled', 'edgetap_samples_packets', '[1-9][0-9]*'],
      ] as const) {
        const told = new RegExp(`^${name}\\{[^}]*interface="${near}"[^}]*\\} ${value}$`, 'm');
        await waitFor(async () => told.test(await metrics()), { what: `the interface to be ${what}` });
      }
      const made = await createCapture(served, order);
      await allArmed(served, made.id);
      const next = traffic.next();
      await new Promise((resolve) => setTimeout(resolve, 300));
      await stopCapture(served, made.id);
      expect((await captureBecomes(served, made.id)).status).toBe('success');
      const { packets } = parsePcap(deliveredFile(destination_conf, made.id));
      expect(packets.map(({ data }) => numberOf(data))).toContain(next);
      const lookback = await createCapture(served, { type: 'simple', time_limit: 300, packet_limit: 10_000 });
      await endsAsCovered(served, lookback.id);
      const samples = parsePcap(await downloadFile(served, lookback.id)).packets;
      expect(samples.map(({ data }) => numberOf(data))).toContain(next);
    } finally {
      traffic.stop();
    }
  } finally {
    await run('ip', ['link', 'del', near ?? '']);
  }
});

test('alternative names, names with a comma and names that are no UTF-8 are captured and sampled under names that are told', async () => {
  const tag = `${process.pid % 100_000}`;
  // Node passes arguments as UTF-8, so the shell makes the other name.
  const sh = async (script: string): Promise<unknown> => await run('sh', ['-c', script]);
  const [comma, raw, raw_text, long] = [
    `c,${tag}`,
    `"$(printf 'r\\377${tag}')"`,
    `r\\xff${tag}`,
    `an-alternative-name-${tag}`,
  ];
  const far = [`fc${tag}`, `fr${tag}`];
  await sh(`ip link add '${comma}' type veth peer name ${far[0]} && ip link add ${raw} type veth peer name ${far[1]}`);
  try {
    await sh(`ip link property add dev '${comma}' altname ${long}`);
    for (const name of [`'${comma}'`, raw, ...far]) await sh(`ip link set ${name} arp off up`);
    for (const list of [`${long} r\\xFF${tag}`, `c\\,${tag},r\\xff${tag} ${long}`, 'all']) {
      const served = await start({ env: { EDGETAP_INTERFACES: list } });
      const told = /Sensor .* on (.*)\n/.exec(served.output())?.[1]?.split(', ') ?? [];
      expect(told).toEqual(list === 'all' ? expect.arrayContaining([comma, raw_text]) : [comma, raw_text]);
      expect(served.output()).not.toContain('There is no interface');
      const traffics = far.map((name) =>
        startNumberedTraffic({ name }, { frames_per_s: 100, frame_bytes: 100, first: 0 }),
      );
      try {
        const destination_conf = await provedFileBucket(served);
        const made = await createCapture(served, {
          type: 'full',
          time_limit: 3600,
          colo_name: 'lab01',
          destination_conf,
        });
        const counted = await waitFor(
          async () => {
            const sensors = sensorsOf(await captureBecomes(served, made.id, ['running']));
            const of = (name: string): number => sensors.find((one) => one.interface === name)?.packets ?? 0;
            return of(comma) > 0 && of(raw_text) > 0;
          },
          { what: 'packets of both' },
        );
        expect(counted).toBe(true);
        await waitFor(
          async () => {
            const metrics = await (await fetch(`${served.url}/metrics`)).text();
            return [comma, raw_text.replace('\\', '\\\\')].every((name) =>
              metrics
                .split('\n')
                .some(
                  (line) =>
                    line.startsWith('edgetap_samples_packets') &&
                    line.includes(`interface="${name}"`) &&
                    !line.endsWith(' 0'),
                ),
            );
          },
          { what: 'samples of both' },
        );
        await stopCapture(served, made.id);
        // With all of them there are others, which come and go.
        const done = await captureBecomes(served, made.id);
        if (list !== 'all') expect(done).toSatisfy(isWhole);
      } finally {
        for (const traffic of traffics) traffic.stop();
      }
      expect(await served.stop()).toBe(0);
    }
  } finally {
    await sh(`ip link del '${comma}'; ip link del ${raw}`);
  }
});

test('what no setting is wrong about and no fault foresees is told in one line, without a stack', async () => {
  const data_dir = mkdtempSync(file('unforeseen-'));
  writeFileSync(join(data_dir, 'sensor'), 'a file where a directory is to be made');
  const failed = await failedStart({ EDGETAP_DATA_DIR: data_dir });
  expect(failed).toMatchObject({ code: 1, stdout: '' });
  expect(failed.stderr).toMatch(/^edgetap: The start failed: [^\n]*\/sensor[^\n]*\n$/);
});

test('a process that is killed before it is ready ends the start, and is named', async () => {
  const data_dir = mkdtempSync(file('killed-'));
  const failing = failedStart({ EDGETAP_DATA_DIR: data_dir });
  // Held from the first moment of its start on.
  const pidFile = join(data_dir, 'control', 'control.pid');
  const pid = await waitFor(
    () => Number(/^(\d+)\n/.exec(readFileSync(pidFile, 'utf8'))?.[1] ?? Number.NaN) || undefined,
    {
      what: 'the control process',
      every_ms: 1,
    },
  );
  process.kill(pid, 'SIGKILL');
  const failed = await failing;
  const told = fault('process_ended', { name: 'control', reason: 'SIGKILL' }).message;
  expect(failed.stderr).toContain(`edgetap: ${told}`);
  expect(failed).toMatchObject({ code: 1, stdout: '' });
});
