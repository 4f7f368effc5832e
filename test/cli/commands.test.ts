import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { downloadOf, recorded } from '../../src/api/recording_control.ts';
import type { Capture, PartResult } from '../../src/model/capture.ts';
import { FaultError, fault, raise } from '../../src/model/errors/fault.ts';
import type { Ownership } from '../../src/model/ownership.ts';
import type { Status } from '../../src/model/status.ts';
import { type CliWorld, cliWorld } from './cli_world.ts';

let world: CliWorld;
beforeAll(async () => {
  world = await cliWorld();
});
afterAll(async () => await world.close());
beforeEach(() => {
  world.control.calls.length = 0;
  world.control.answers.clear();
});

const id = recorded.capture_id;
const rate = { limit: 60, window_s: 60, remaining: 59, reset_s: 1 };
const part = (over: Partial<PartResult> = {}): PartResult => ({
  sensor: 'gw-1',
  interface: 'eth0',
  colo: 'ord02',
  status: 'done',
  packets: 1234n,
  bytes: 1_200_000n,
  dropped: 0n,
  ...over,
});
const full = (status: Status, over: Partial<Capture> = {}): Capture => ({
  ...recorded.capture,
  spec: {
    type: 'full',
    system: 'magic-transit',
    time_limit_s: 60,
    filter_v1: { destination_port: 443, protocol: 6 },
    filter_expression: 'net 10.0.0.0/8',
    format: 'pcap',
    packet_limit: 5000,
    colo_name: 'ord02',
    destination_conf: 's3://pcaps/dir?region=us-east-1',
    ownership_id: recorded.ownership_id,
  },
  status,
  ...over,
});
const proved: Ownership = { ...recorded.ownership, status: 'success', validated: 1n };

/** Control answers these states, one after the other, the last one for ever. */
function states(...captures: readonly Capture[]): void {
  const [first, ...rest] = captures;
  const following = [...rest];
  let last = first;
  world.control.answers.set('captures.create', () => ({ ok: true, capture: first, rate }));
  world.control.answers.set('captures.get', () => {
    last = following.shift() ?? last;
    return last;
  });
}
const made = (): unknown => world.control.calls.find((call) => call.method === 'captures.create')?.args[1];
const methods = (): string[] =>
  world.control.calls.map((call) => call.method).filter((method) => method !== 'authenticate' && method !== 'accounts');

describe('capture simple', () => {
  test('asks for what the options say, and prints the id', async () => {
    const { code, stdout, stderr } = await world.run(
      ['capture', 'simple', '--time', '2m', '--packets', '50', '--src', '10.0.0.0/8', '--dst', '2001:db8::1']
        .concat(['--sport', '53', '--dport', '1024', '--proto', 'udp'])
        .concat(['--format', 'pcapng', 'udp', 'and', 'greater 100']),
    );
    expect([code, stdout]).toEqual([0, `${id}\n`]);
    expect(stderr).toBe(`edgetap: the capture is success; "edgetap show ${id}" says how far it is.\n`);
    expect(made()).toEqual({
      type: 'simple',
      system: 'magic-transit',
      time_limit: 120,
      packet_limit: 50,
      filter_v1: {
        source_address: '10.0.0.0/8',
        destination_address: '2001:db8::1',
        source_port: 53,
        destination_port: 1024,
        protocol: 17,
      },
      filter_expression: 'udp and greater 100',
      format: 'pcapng',
    });
  });

  test('--match-inner asks for packets inside of others, and what comes back says so', async () => {
    const spec = { ...recorded.capture.spec, type: 'simple', match_inner: true } as Capture['spec'];
    states({ ...recorded.capture, spec });
    const { stdout } = await world.run(['capture', 'simple', '--match-inner', '--wait', 'host', '10.0.0.1']);
    expect(made()).toMatchObject({ match_inner: true, filter_expression: 'host 10.0.0.1' });
    expect(stdout).toContain('Matched    inner packets too\n');
    expect((await world.run(['capture', 'full', '--match-inner'])).code).toBe(2);
  });

  test.each([
    [[], { time_limit: 60 }],
    [['--since', '5m'], { time_limit: 300 }],
    [['--since', '1h', '--time', '30s'], { time_limit: 30, offset_time: '2026-01-31T07:00:30.000000Z' }],
    [['--until', '2026-01-31T07:30:00Z'], { time_limit: 60, offset_time: '2026-01-31T07:30:00.000000Z' }],
    [['--since', '10m', '--until', '8m'], { time_limit: 120, offset_time: '2026-01-31T07:52:00.000000Z' }],
  ])('%j is the window %j', async (words, expected) => {
    const now = (): number => Date.UTC(2026, 0, 31, 8);
    await world.run(['capture', 'simple', ...words], { io: { now } });
    expect(made()).toEqual({ type: 'simple', system: 'magic-transit', packet_limit: 10_000, ...expected });
  });

  test('--wait shows the result; -o writes the file, whole or not at all', async () => {
    states(
      { ...recorded.capture, status: 'pending' },
      { ...recorded.capture, status: 'running' },
      { ...recorded.capture, sample_rate: 4, packets_estimated: 4900n, parts: [part()] },
    );
    const waited = await world.run(['capture', 'simple', '--wait']);
    expect(waited.code).toBe(0);
    expect(waited.stdout).toMatch(/^Capture {4}66802ca5668e47a2b82c2e6746e45037\n/);
    expect(waited.stdout).toContain('Sampled    1 in 4\n');
    expect(waited.stdout).toContain('Estimated  4,900 packets passed\n');
    expect(waited.stdout).toContain('Packets    1,234 (1.2 MB), 0 dropped\n');
    expect(waited.stderr).toBe(
      'edgetap: pending\nedgetap: running\nedgetap: the capture ended (1,234 packets, 0 dropped).\n',
    );

    const bytes = Buffer.alloc(5000, 'packets');
    world.control.answers.set('captures.download', () => downloadOf(bytes));
    states({ ...recorded.capture, parts: [part()] });
    const path = join(world.directory, 'result.pcap');
    writeFileSync(path, 'what was there before');
    const saved = await world.run(['capture', 'simple', '-o', path]);
    expect([saved.code, saved.stdout]).toEqual([0, '']);
    expect(saved.stderr).toContain(`edgetap: wrote ${path}.\n`);
    expect(readFileSync(path).equals(bytes)).toBe(true);
    expect(readdirSync(world.directory)).toEqual(['result.pcap']);
  });

  test('-o - is for pipes: the bytes alone on standard output', async () => {
    const bytes = Buffer.from(Uint8Array.from({ length: 256 }, (_, index) => index));
    world.control.answers.set('captures.download', () => downloadOf(bytes));
    const piped = await world.run(['capture', 'simple', '-o', '-']);
    expect([piped.code, piped.stdout_bytes.equals(bytes)]).toEqual([0, true]);
    const terminal = await world.run(['capture', 'simple', '-o', '-'], { terminal: true });
    expect([terminal.code, terminal.stdout]).toEqual([2, '']);
    expect(terminal.stderr).toContain('edgetap: a capture file is no text for a terminal');
    expect((await world.run(['capture', 'simple', '-o', '-', '--json'])).code).toBe(2);
    expect(methods().filter((method) => method === 'captures.create')).toHaveLength(1);
  });
});

describe('capture full', () => {
  test('asks for what the options and the configuration say', async () => {
    mkdirSync(join(world.directory, '.config', 'edgetap'), { recursive: true });
    const config = join(world.directory, '.config', 'edgetap', 'config.json');
    writeFileSync(
      config,
      JSON.stringify({ url: world.url, token: recorded.write_token, colo: 'ORD', bucket: 's3://b' }),
    );
    const run = await world.run(
      ['capture', 'full', '--time', '1h30m', '--bytes', '10MB', '--lookback', '10m', '--json'],
      { env: {} },
    );
    writeFileSync(config, '{}');
    expect(run.code).toBe(0);
    expect(made()).toEqual({
      type: 'full',
      system: 'magic-transit',
      time_limit: 5400,
      byte_limit: 10_000_000,
      lookback: 600,
      colo_name: 'ORD',
      destination_conf: 's3://b',
    });
    expect(JSON.parse(run.stdout)).toMatchObject({ id });
    expect(run.stderr).toBe('');
  });

  test('takes the one validated bucket, and asks when there is none or more', async () => {
    const argv = ['capture', 'full', '--colo', 'ord02'];
    world.control.answers.set('ownerships.list', () => ({ buckets: [recorded.ownership, proved], total_count: 2 }));
    expect((await world.run(argv)).code).toBe(0);
    expect(made()).toMatchObject({ destination_conf: recorded.ownership.destination_conf });
    world.control.answers.set('ownerships.list', () => ({ buckets: [recorded.ownership], total_count: 1 }));
    expect(await world.run(argv)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no validated bucket yet'),
    });
    world.control.answers.set('ownerships.list', () => ({ buckets: [proved, proved], total_count: 2 }));
    expect(await world.run(argv)).toMatchObject({ code: 2, stderr: expect.stringContaining('which bucket?') });
    expect(await world.run(['capture', 'full'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('which site?'),
    });
  });

  test('--wait: progress on a terminal in one line, and the whole story at the end', async () => {
    let at = Date.UTC(2026, 0, 31, 8);
    const running = (packets: bigint): Capture =>
      full('running', {
        packets_captured: packets,
        parts: [part({ status: 'running', packets, bytes: packets * 1000n })],
      });
    states(
      full('pending'),
      running(0n),
      running(500n),
      full('conversion_running'),
      full('success', { parts: [part()] }),
    );
    const run = await world.run(['capture', 'full', '--colo', 'ord02', '--bucket', 's3://pcaps/dir', '--wait'], {
      terminal: true,
      io: {
        monotonic: () => at,
        sleep: async () => {
          at += 1000;
          await Promise.resolve();
        },
      },
    });
    expect(run.code).toBe(0);
    const shown = run.stderr.split('\r\u001b[K').filter((line) => line !== '');
    expect(shown.slice(0, 4)).toEqual([
      'pending',
      'running  0 packets  0 B  60 s left  0 dropped',
      'running  500 packets  500 kB  500/s  59 s left  0 dropped',
      'conversion_running',
    ]);
    expect(run.stdout).toContain('Filter     dst port 443 and protocol 6 and (net 10.0.0.0/8)\n');
    expect(run.stdout).toContain('Limits     60 s, 5,000 packets\n');
    expect(run.stdout).toMatch(/SENSOR {2}INTERFACE {2}SITE {3}STATUS {2}PACKETS {3}BYTES {2}DROPPED {2}NOTE\ngw-1 /);
  });

  test('how it ended is the exit code', async () => {
    const argv = ['capture', 'full', '--colo', 'ord02', '--bucket', 's3://pcaps/dir', '--wait'];
    states(full('failed', { error_message: 'the bucket is gone' }));
    const failed = await world.run([...argv, '-o', join(world.directory, 'never.pcap')]);
    expect([failed.code, failed.stderr]).toEqual([1, 'edgetap: the capture failed: the bucket is gone\n']);
    expect(methods()).not.toContain('captures.download');
    states(full('complete', { packets_captured: 9n, error_message: 'gw-2 failed' }));
    const partial = await world.run(argv);
    expect([partial.code, partial.stderr]).toEqual([5, 'edgetap: the capture is partial (9 packets): gw-2 failed\n']);
    states({ ...recorded.capture, status: 'complete', parts: [part(), part({ sensor: 'gw-2', status: 'no_answer' })] });
    const lookback = await world.run(['capture', 'simple', '--wait']);
    expect(lookback.code).toBe(5);
    expect(lookback.stderr).toContain('gw-2 eth0: no answer');
  });
});

describe('estimate', () => {
  const asked = (): unknown => world.control.calls.find((call) => call.method === 'estimates.estimate')?.args[1];

  test('simple: asks as the capture would be asked for, and shows figures, sensors and talkers', async () => {
    const now = (): number => Date.UTC(2026, 0, 31, 8);
    const words = ['--since', '10m', '--until', '5m', '--packets', '10', '--src', '10.0.0.0/8', 'tcp', 'port', '80'];
    const { code, stdout, stderr } = await world.run(['estimate', 'simple', ...words], { io: { now } });
    expect([code, stderr]).toEqual([0, '']);
    expect(asked()).toEqual({
      type: 'simple',
      system: 'magic-transit',
      time_limit: 300,
      packet_limit: 10,
      offset_time: '2026-01-31T07:55:00.000000Z',
      filter_v1: { source_address: '10.0.0.0/8' },
      filter_expression: 'tcp port 80',
    });
    expect(stdout).toBe(
      [
        'Estimate     simple, 5 min',
        'Observed     2026-01-31 07:55:00Z to 2026-01-31 08:00:00Z',
        'Sampled      1 in 4',
        'Matching     about 48,000 packets (48.0 MB)',
        'In the file  10 packets (1.6 kB)',
        'Limits       the newest reach back 0.25 s',
        '',
        'SENSOR  INTERFACE  SITE   STATUS  SAMPLES  PACKETS    BYTES  NOTE',
        'gw-1    eth0       ord02  done     12,000   48,000  48.0 MB',
        '',
        'SOURCE     DESTINATION  PACKETS    BYTES',
        '192.0.2.1  192.0.2.2     32,000  40.0 MB',
        '',
      ].join('\n'),
    );
    expect(methods()).toEqual(['estimates.estimate']);
  });

  test('full: needs a site and no bucket; --json is what the API answered', async () => {
    const config = join(world.directory, '.config', 'edgetap', 'config.json');
    mkdirSync(join(world.directory, '.config', 'edgetap'), { recursive: true });
    writeFileSync(config, JSON.stringify({ colo: 'ORD', bucket: 's3://b' }));
    const limits = { time_to_packet_limit_ns: 15_000_000_000n, time_to_byte_limit_ns: 150_000_000_000n };
    world.control.answers.set('estimates.estimate', () => ({ ...recorded.estimate, type: 'full', ...limits }));
    const run = await world.run(['estimate', 'full', '--time', '10m', '--bytes', '10MB', '--json']);
    expect(asked()).toEqual({
      type: 'full',
      system: 'magic-transit',
      time_limit: 600,
      byte_limit: 10_000_000,
      colo_name: 'ORD',
    });
    expect(JSON.parse(run.stdout)).toMatchObject({ time_to_packet_limit: 15, time_to_byte_limit: 150, packets: 10 });
    const shown = await world.run(['estimate', 'full', '--colo', 'ord02', '--bucket', 's3://b/dir']);
    expect(shown.stdout).toContain('In the file  about 10 packets (1.6 kB)\n');
    expect(shown.stdout).toContain('Limits       packets after 15 s, bytes after 2 min 30 s\n');
    expect(world.control.calls.findLast((call) => call.method === 'estimates.estimate')?.args[1]).toMatchObject({
      colo_name: 'ord02',
      destination_conf: 's3://b/dir',
    });
    writeFileSync(config, '{}');
    expect(await world.run(['estimate', 'full'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('which site?'),
    });
    expect((await world.run(['estimate', 'simple', '--wait'])).code).toBe(2);
  });

  test('what is missing is told, and is the exit code', async () => {
    const silent = { sensor: 'gw-2', interface: 'eth0', colo: 'ord02', status: 'no_answer', error: 'gone \u001b[2J' };
    const { shares } = recorded.estimate;
    const error_message = 'gw-2/eth0: gone \u001b[2J';
    const partial = { ...recorded.estimate, error_message, shares: [...shares, silent] };
    world.control.answers.set('estimates.estimate', () => partial);
    const some = await world.run(['estimate', 'simple']);
    expect(some.code).toBe(5);
    expect(some.stdout).toContain('Problem      gw-2/eth0: gone \ufffd[2J\n');
    expect(some.stdout).toMatch(/gw-2 {4}eth0 {7}ord02 {2}no_answer {8}- {8}- {8}- {2}gone \ufffd\[2J\n/);
    const { observed_from, observed_to } = recorded.estimate;
    const nothing = { type: 'simple', time_limit_s: 60, observed_from, observed_to, error_message, talkers: [] };
    world.control.answers.set('estimates.estimate', () => ({ ...nothing, shares: [silent] }));
    const none = await world.run(['estimate', 'simple']);
    expect(none.code).toBe(1);
    expect(none.stdout).not.toMatch(/Matching|In the file|Limits|SOURCE/);
    world.control.answers.set('estimates.estimate', () => raise('estimates_busy', { limit: 16 }));
    expect(await world.run(['estimate', 'simple'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('16 estimates of this account wait for their turn'),
    });
  });
});

describe('Ctrl-C', () => {
  const called = async (method: string): Promise<void> => {
    await expect.poll(() => methods()).toContain(method);
  };

  test('stops a full capture, whose result still comes', async () => {
    states(full('running'));
    world.control.answers.set('captures.stop', () => {
      states(full('conversion_running'), full('success', { packets_captured: 7n }));
    });
    const running = world.run(['capture', 'full', '--colo', 'ord02', '--bucket', 's3://pcaps/dir', '--wait']);
    await called('captures.get');
    world.interrupt();
    const { code, stderr, stdout } = await running;
    expect(code).toBe(0);
    expect(methods().filter((method) => method === 'captures.stop')).toHaveLength(1);
    expect(stderr).toContain('edgetap: stopping the capture; its result follows (Ctrl-C again leaves it).\n');
    expect(stderr).toContain('the capture ended (7 packets).');
    expect(stdout).toContain('Status     success\n');
  });

  test('again, leaves it to itself', async () => {
    states(full('running'));
    const running = world.run(['capture', 'full', '--colo', 'ord02', '--bucket', 's3://pcaps/dir', '--wait']);
    await called('captures.get');
    world.interrupt();
    await called('captures.stop');
    world.interrupt();
    const { code, stderr, stdout } = await running;
    expect([code, stdout]).toEqual([130, '']);
    expect(stderr).toContain(`the capture goes on by itself: "edgetap show ${id}"`);
  });

  test('leaves a look-back at once, and a download takes its half with it', async () => {
    states({ ...recorded.capture, status: 'running' });
    const waiting = world.run(['capture', 'simple', '--wait']);
    await called('captures.get');
    world.interrupt();
    expect((await waiting).code).toBe(130);
    expect(methods()).not.toContain('captures.stop');

    world.control.answers.set('captures.download', () =>
      downloadOf(new Uint8Array(10), {
        size_bytes: 1_000_000,
        open: async () =>
          (async function* () {
            yield new Uint8Array(10);
            await new Promise(() => undefined);
          })(),
      }),
    );
    const before = readdirSync(world.directory);
    const downloading = world.run(['download', id, '-o', join(world.directory, 'half.pcap')]);
    await expect.poll(() => readdirSync(world.directory).length).toBeGreaterThan(before.length);
    world.interrupt();
    expect((await downloading).code).toBe(130);
    expect(readdirSync(world.directory)).toEqual(before);
  });
});

describe('list, show, stop, download', () => {
  test('list: a table, or JSON, and the page after', async () => {
    world.control.answers.set('captures.list', () => ({
      captures: [full('running', { packets_captured: 12n }), { ...recorded.capture, parts: [part({ cut: 34n })] }],
      total_count: 3,
    }));
    const argv = ['list', '--limit', '2', '--status', 'running', '--type', 'full'];
    const table = await world.run(argv);
    expect(table.stdout.split('\n')).toEqual([
      'ID                                TYPE    STATUS   SUBMITTED             TIME   SITE   PACKETS  FILTER',
      `${id}  full    running  2026-01-31 08:00:00Z  60 s   ord02       12  dst port 443 and protocol 6 and (net 10.0.0.0/8)`,
      `${id}  simple  success  2026-01-31 08:00:00Z  5 min  all      1,200  all packets`,
      '',
    ]);
    expect(table.stderr).toBe('edgetap: page 1 of 2; --page shows others.\n');
    expect(world.control.calls.at(-1)?.args[1]).toEqual({ page: 1, per_page: 2, status: 'running', type: 'full' });
    expect(JSON.parse((await world.run([...argv, '--json'])).stdout)).toHaveLength(2);
  });

  test('show tells the past of a capture that looks back apart', async () => {
    const spec = { ...full('success').spec, lookback_s: 600 } as Capture['spec'];
    const pasts = [
      { packets: 1200n, bytes: 9n, sample_rate: 4, truncated: true, coverage: 'no samples from then to now' },
      { error: 'it does not answer' },
    ];
    states(full('complete', { spec, packets_past: 1200n, parts: pasts.map((past) => part({ past })) }));
    const { stdout } = await world.run(['show', id]);
    expect(stdout).toContain('Looks back 10 min, 1,200 sampled packets\n');
    expect(stdout).toContain('before: 1,200 packets, 1 in 4, the newest; no samples from then to now');
    expect(stdout).toContain('before: it does not answer');
  });

  test('show and stop', async () => {
    expect((await world.run(['show', id])).stdout).toContain('Back from  2026-01-31 08:00:00Z\n');
    expect(JSON.parse((await world.run(['show', id, '--json'])).stdout)).toMatchObject({ id, filter_v1: {} });
    const stopped = await world.run(['stop', id]);
    expect([stopped.code, stopped.stderr]).toEqual([0, 'edgetap: stopped; the capture is success.\n']);
    expect(methods()).toEqual(['captures.get', 'captures.get', 'captures.stop', 'captures.get']);
    world.control.answers.set('captures.stop', () => raise('not_stoppable'));
    expect(await world.run(['stop', id])).toMatchObject({
      code: 3,
      stderr: 'edgetap: A simple capture looks back and cannot be stopped. (1114)\n',
    });
  });

  test('download keeps the name that the server gives, or takes ours', async () => {
    const bytes = Buffer.alloc(100_000, 'x');
    world.control.answers.set('captures.download', () => downloadOf(bytes));
    const given = await world.run(['download', id, '-o', world.directory, '--json']);
    const path = join(world.directory, `pcap_${id}.pcap`);
    expect(JSON.parse(given.stdout)).toEqual({ path, size_bytes: 100_000 });
    expect(readFileSync(path).equals(bytes)).toBe(true);
    world.control.answers.set('captures.download', () => downloadOf(bytes, { filename: '../../escape.pcap' }));
    const odd = await world.run(['download', id, '-o', world.directory, '--json']);
    expect(JSON.parse(odd.stdout)).toMatchObject({ path: join(world.directory, 'capture.pcap') });
  });

  test('a file that cannot be written is output_failed', async () => {
    const run = await world.run(['download', id, '-o', join(world.directory, 'no', 'such', 'directory.pcap')]);
    expect([run.code, run.stdout]).toEqual([1, '']);
    expect(run.stderr).toMatch(/^edgetap: \/.*directory\.pcap cannot be written: ENOENT/);
    expect(fault('output_failed').code).toBe(1911);
  });
});

describe('bucket', () => {
  const conf = 's3://pcaps-bucket?region=us-east-1';

  test('add says what to do next, and keeps the keys to itself', async () => {
    const uri = `${conf}&access-key-id=AKIA&secret-access-key=S3CR3T`;
    for (const [argv, stdin] of [
      [['bucket', 'add', uri], ''],
      [['bucket', 'add', '-'], `${uri}\n`],
    ] as const) {
      const run = await world.run(argv, { stdin });
      expect([run.code, run.stdout]).toEqual([0, `${recorded.ownership.filename}\n`]);
      expect(run.stderr).toContain(`edgetap bucket validate '${conf}' --challenge CONTENT-OF-THE-FILE\n`);
      expect(run.stdout + run.stderr).not.toContain('S3CR3T');
      expect(world.control.calls.at(-1)?.args[1]).toEqual({ destination_conf: uri });
    }
  });

  test('validate takes the content from the option, a file or standard input', async () => {
    const file = join(world.directory, 'challenge.txt');
    writeFileSync(file, 'from the file\n');
    for (const [argv, challenge] of [
      [['--challenge', 'as option'], 'as option'],
      [['--challenge-file', file], 'from the file'],
      [[], 'from standard input'],
    ] as const) {
      const run = await world.run(['bucket', 'validate', conf, ...argv], { stdin: 'from standard input\n' });
      expect([run.code, run.stderr]).toEqual([0, `edgetap: ${conf} is yours: captures can go there.\n`]);
      expect(world.control.calls.at(-1)?.args[1]).toEqual({ destination_conf: conf, ownership_challenge: challenge });
    }
    expect((await world.run(['bucket', 'validate', conf, '--challenge-file', '/no/such'])).code).toBe(2);
    expect((await world.run(['bucket', 'validate', conf, '--challenge-file', file, '--challenge', 'x'])).code).toBe(2);
  });

  test('list and rm, by id or URI', async () => {
    world.control.answers.set('ownerships.list', () => ({ buckets: [proved], total_count: 1 }));
    expect((await world.run(['bucket', 'list'])).stdout).toBe(
      [
        'ID                                STATUS   ADDED                 VALIDATED             BUCKET',
        `${recorded.ownership_id}  success  2026-01-31 08:00:00Z  1970-01-01 00:00:00Z  ${conf}`,
        '',
      ].join('\n'),
    );
    for (const name of [recorded.ownership_id, conf, 's3://pcaps-bucket/?secret-access-key=a&access-key-id=b']) {
      expect((await world.run(['bucket', 'rm', name])).code).toBe(0);
      expect(world.control.calls.at(-1)).toMatchObject({
        method: 'ownerships.remove',
        args: [{}, recorded.ownership_id],
      });
    }
    expect((await world.run(['bucket', 'rm', 's3://another'])).code).toBe(2);
  });
});

describe('what goes wrong', () => {
  test('wrong usage is 2, a line that says what, and where help is', async () => {
    for (const argv of [
      ['capture', 'simple', '--time', 'soon'],
      ['capture', 'simple', '--since', 'soon'],
      ['capture', 'simple', '--since', '5m', '--until', '4m', '--time', '1m'],
      ['capture', 'simple', '--proto', 'http'],
      ['capture', 'full', '--bytes', 'much'],
      ['capture', 'simple', '--dport', '70000'],
      ['capture', 'simple', '--format', 'csv'],
      ['capture', 'medium'],
      ['list', '--status', 'done'],
      ['show'],
      ['frobnicate'],
      ['list', '--frobnicate'],
    ]) {
      const run = await world.run(argv);
      expect(run.code, argv.join(' ')).toBe(2);
      expect(run.stderr, argv.join(' ')).toMatch(/^edgetap: /);
      expect(run.stdout).toBe('');
    }
    expect(world.control.calls).toEqual([]);
  });

  test('without a server or token, says what to set: url_missing', async () => {
    for (const env of [{}, { EDGETAP_URL: world.url }, { EDGETAP_TOKEN: 'x' }]) {
      const run = await world.run(['list'], { env });
      expect([run.code, run.stderr]).toEqual([
        2,
        `edgetap: Where is edgetap? Set EDGETAP_URL and EDGETAP_TOKEN, or put them into ${world.directory}/.config/edgetap/config.json.\n`,
      ]);
    }
  });

  test('a refusal is 3, every error with code and field', async () => {
    world.control.answers.set('captures.create', () => {
      throw new FaultError([
        fault('field_range', { field: 'time_limit', min: 1, max: 300 }, '/time_limit'),
        fault(
          'expression_word',
          { field: 'filter_expression', word: 'host\u001b[31m', position: 1 },
          '/filter_expression',
        ),
      ]);
    });
    const run = await world.run(['capture', 'simple', '--time', '301']);
    expect(run.code).toBe(3);
    expect(run.stderr.split('\n')).toEqual([
      'edgetap: time_limit must be from 1 to 300. (1103, /time_limit)',
      expect.stringContaining('(1307, /filter_expression)'),
      '',
    ]);
    expect(run.stderr).not.toContain('\u001b');
    const token = await world.run(['list'], { env: { EDGETAP_URL: world.url, EDGETAP_TOKEN: 'wrong' } });
    expect([token.code, token.stderr.startsWith('edgetap: No valid credentials')]).toEqual([3, true]);
  });

  test('nobody there is 4: server_unreachable; neither is something else: answer_unreadable', async () => {
    const env = { EDGETAP_URL: 'http://127.0.0.1:2', EDGETAP_TOKEN: 'x' };
    const nobody = await world.run(['list'], { env });
    expect([nobody.code, nobody.stderr]).toEqual([
      4,
      'edgetap: http://127.0.0.1:2/client/v4 does not answer: connect ECONNREFUSED 127.0.0.1:2\n',
    ]);
    const other = createServer((_request, response) => response.end('<html>'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const page = await world.run(['list', '--url', `http://127.0.0.1:${port}`, '--account', 'a'.repeat(32)]);
    other.closeAllConnections();
    other.close();
    expect([page.code, page.stderr]).toEqual([
      4,
      `edgetap: http://127.0.0.1:${port}/client/v4 answered with something that is not edgetap: its answer is not JSON\n`,
    ]);
  });

  test('a server that goes away while a capture is waited for may come back', async () => {
    let asked = 0;
    states(full('running'));
    world.control.answers.set('captures.get', () => {
      asked += 1;
      if (asked === 2) raise('unavailable', { what: 'The database', reason: 'it restarts' });
      if (asked === 3) throw new Error('a defect');
      return asked < 5 ? full('running') : full('success');
    });
    const run = await world.run(['show', id, '--wait']);
    expect(run.code).toBe(0);
    expect(run.stderr).toContain('; trying again.\n');
  });
});

test('--help everywhere, with examples and exit codes', async () => {
  const all = [[], ['capture'], ['bucket']].concat(
    [
      'capture simple',
      'capture full',
      'list',
      'show',
      'stop',
      'download',
      'bucket add',
      'bucket validate',
      'bucket list',
    ]
      .concat('bucket rm')
      .map((name) => name.split(' ')),
  );
  for (const argv of all) {
    const run = await world.run([...argv, '--help']);
    expect([run.code, run.stderr]).toEqual([0, '']);
    expect(run.stdout).toMatch(/^Usage: edgetap /);
    if (argv.length > 0 && argv.join(' ') !== 'capture' && argv.join(' ') !== 'bucket') {
      expect(run.stdout).toContain('Exit codes:\n  0 ');
      if (argv[1] !== 'list') expect(run.stdout, argv.join(' ')).toMatch(/Examples?:\n {2}edgetap /);
    }
  }
  expect((await world.run(['--version'])).stdout).toBe('1.2.3\n');
});
