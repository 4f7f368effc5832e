import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { connect } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { descendants, isAlive } from '../support/process_tree.ts';
import { type Served, type ServeOptions, startServe } from '../support/serve.ts';
import { createCapture, deliveredFile, provedFileBucket, showCapture } from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';
import { allArmed } from './shown_sensors.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const npm = ['npm', 'start'] as const;

let pair: NamespacePair;
const servers: Served[] = [];
beforeAll(async () => {
  pair = await createNamespacePair();
});
afterEach(async () => {
  for (const served of servers.splice(0)) await served.remove();
});
afterAll(async () => {
  await pair?.remove();
});

async function start(options: Partial<ServeOptions> = {}): Promise<Served> {
  const served = await startServe({ interfaces: [pair.near.name], detached: true, ...options });
  servers.push(served);
  return served;
}

async function capture(served: Served): Promise<{ readonly id: string; readonly bucket: string }> {
  const bucket = await provedFileBucket(served);
  const order = { type: 'full', time_limit: 3600, colo_name: 'lab01', destination_conf: bucket };
  const { id } = await createCapture(served, order);
  await allArmed(served, id);
  return { id, bucket };
}

async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

const group = (served: Served): number => -(served.process.pid ?? 0);

describe.each<[string, Partial<ServeOptions>, (served: Served) => void]>([
  ['SIGTERM to npm', { command: npm }, (served) => void served.process.kill('SIGTERM')],
  ['SIGINT to npm', { command: npm }, (served) => void served.process.kill('SIGINT')],
  ['SIGTERM to the whole group of npm', { command: npm }, (served) => process.kill(group(served), 'SIGTERM')],
  ['Ctrl-C with npm', { command: npm }, (served) => process.kill(group(served), 'SIGINT')],
  ['SIGTERM to all processes, as systemd does', {}, (served) => process.kill(group(served), 'SIGTERM')],
  ['SIGTERM to sh', { via: ['sh', '-c', 'exec "$@"', 'sh'] }, (served) => void served.process.kill('SIGTERM')],
  [
    'SIGTERM to bin/edgetap',
    { command: [join(root, 'bin/edgetap'), 'serve'] },
    (served) => void served.process.kill('SIGTERM'),
  ],
  [
    'SIGTERM to npm as PID 1',
    { command: npm, via: ['unshare', '--pid', '--fork', '--mount-proc'] },
    (served) => process.kill(descendants(served.process.pid ?? 0)[0] ?? 0, 'SIGTERM'),
  ],
  [
    'SIGTERM to edgetap as PID 1',
    { via: ['unshare', '--pid', '--fork', '--mount-proc'] },
    (served) => process.kill(descendants(served.process.pid ?? 0)[0] ?? 0, 'SIGTERM'),
  ],
])('%s', (_name, options, tell) => {
  test('ends all in order: the capture is delivered, nothing runs on', async () => {
    const served = await start(options);
    const { id, bucket } = await capture(served);
    const all = descendants(served.process.pid ?? 0);
    expect(all.length).toBeGreaterThan(1);
    tell(served);
    await ended(served.process);
    await waitFor(() => !all.some(isAlive), { what: 'all processes to be gone' });
    expect(deliveredFile(bucket, id)).toBeDefined();
    const next = await start({ data_dir: served.data_dir });
    expect(await showCapture(next, id)).toMatchObject({ status: 'complete', error_message: 'edgetap was shut down' });
    expect(await next.stop()).toBe(0);
  });
});

describe('SIGHUP', () => {
  test.each<[string, Partial<ServeOptions>]>([
    ['edgetap', {}],
    ['npm, which dies of it, under nohup', { command: ['nohup', 'npm', 'start'] }],
  ])('to %s whose output is no terminal ends nothing', async (_what, options) => {
    const served = await start(options);
    const { id, bucket } = await capture(served);
    const pids = [served.pidOf('control'), served.pidOf('sensor')];
    const supervisor = Number(readFileSync(join(served.data_dir, 'serve.pid'), 'utf8'));
    process.kill(group(served), 'SIGHUP');
    process.kill(supervisor, 'SIGHUP');
    for (const pid of pids) process.kill(pid, 'SIGHUP');
    expect((await showCapture(served, id)).status).toBe('running');
    process.kill(supervisor, 'SIGTERM');
    await waitFor(() => ![...pids, supervisor].some(isAlive), { what: 'the end' });
    expect(served.output()).not.toContain('started again');
    expect(deliveredFile(bucket, id)).toBeDefined();
  });

  test('has certificates read again, and one that is damaged leaves the one before', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'edgetap-certificates-'));
    const file = (name: string): string => join(folder, name);
    for (const name of ['one', 'two']) {
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
      const out = ['-keyout', file(`${name}.key`), '-out', file(`${name}.pem`), '-subj', `/CN=${name}`];
      execFileSync('openssl', ['req', '-x509', ...key, ...out], { stdio: 'ignore' });
    }
    const put = (name: string): void => {
      for (const kind of ['pem', 'key']) copyFileSync(file(`${name}.${kind}`), file(`used.${kind}`));
    };
    put('one');
    const served = await start({
      env: { EDGETAP_TLS_CERT: file('used.pem'), EDGETAP_TLS_KEY: file('used.key') },
    });
    const common_name = async (): Promise<unknown> => {
      const socket = connect({ port: Number(new URL(served.url).port), host: '127.0.0.1', rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      const { subject } = socket.getPeerCertificate();
      socket.destroy();
      return subject.CN;
    };
    expect(await common_name()).toBe('one');
    put('two');
    served.process.kill('SIGHUP');
    await waitFor(async () => (await common_name()) === 'two', { what: 'the other certificate' });
    copyFileSync(file('one.key'), file('used.key'));
    served.process.kill('SIGHUP');
    await waitFor(() => served.output().includes('the one before stays'), { what: 'the log to tell' });
    expect(await common_name()).toBe('two');
    expect(await served.stop()).toBe(0);
    rmSync(folder, { recursive: true });
  });

  test('from a terminal that goes away ends all in order', async () => {
    const served = await start({ command: ['script', '--quiet', '--command', 'npm start', '/dev/null'] });
    const { id, bucket } = await capture(served);
    const all = descendants(served.process.pid ?? 0);
    served.process.kill('SIGKILL');
    await waitFor(() => !all.some(isAlive), { what: 'all processes to be gone' });
    expect(deliveredFile(bucket, id)).toBeDefined();
  });
});

describe('a command line that waits for its capture', () => {
  test.each<[string, readonly string[], (cli: ChildProcess) => void]>([
    ['SIGTERM', [], (cli) => void cli.kill('SIGTERM')],
    ['SIGINT', [], (cli) => void cli.kill('SIGINT')],
    ['SIGHUP', [], (cli) => void cli.kill('SIGHUP')],
    // To the command, and to its group: twice.
    ['the end of timeout(1)', ['timeout', '1h'], (cli) => void cli.kill('SIGTERM')],
  ])('stops it on %s, and has its file', async (_what, before, tell) => {
    const served = await start();
    const bucket = await provedFileBucket(served);
    const file = join(served.data_dir, 'out.pcap');
    const [command, ...args] = [...before, join(root, 'bin/edgetap')];
    const order = ['capture', 'full', '--colo', 'lab01', '--time', '1h', '--bucket', bucket, '-o', file];
    const cli = spawn(command, [...args, ...order], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env['PATH'], EDGETAP_URL: served.url, EDGETAP_TOKEN: served.token },
    });
    let said = '';
    cli.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await waitFor(() => /running/.test(said), { what: 'the capture to run' });
    tell(cli);
    const code = await ended(cli);
    expect([code, said]).toEqual([0, expect.stringContaining('the capture ended')]);
    expect(existsSync(file)).toBe(true);
    const { body } = await served.call('GET', '/pcaps');
    expect(JSON.stringify(body.result)).toContain('"status":"success"');
    expect(await served.stop()).toBe(0);
  });

  test('that is still asking for it: it is stopped as soon as it is there', async () => {
    const served = await start();
    const bucket = await provedFileBucket(served);
    const control = served.pidOf('control');
    process.kill(control, 'SIGSTOP');
    const args = ['capture', 'full', '--colo', 'lab01', '--time', '1h', '--bucket', bucket];
    const cli = spawn(join(root, 'bin/edgetap'), args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env['PATH'], EDGETAP_URL: served.url, EDGETAP_TOKEN: served.token },
    });
    let said = '';
    cli.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const folder = `/proc/${cli.pid}/fd`;
    const sockets = (): number => readdirSync(folder).filter((fd) => isSocket(join(folder, fd))).length;
    await waitFor(() => sockets() > 1, { what: 'it to be connected' });
    cli.kill('SIGTERM');
    process.kill(control, 'SIGCONT');
    expect([await ended(cli), said]).toEqual([0, expect.stringContaining('the capture ended')]);
    expect(await served.stop()).toBe(0);
  });
});

function isSocket(path: string): boolean {
  try {
    return readlinkSync(path).startsWith('socket:');
  } catch {
    return false;
  }
}
