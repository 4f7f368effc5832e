import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { edgetapProgram } from './support/edgetap_program.ts';
import { numberedFrame, numberOf } from '../src/samples/test_frames.ts';
import { freePort } from './support/free_port.ts';
import { createNamespacePair, type NamespacePair } from './support/namespace_pair.ts';
import { runClean, scratchFolder } from './support/packet_tools.ts';
import { readPackets } from './support/read_packets.ts';
import { replayFrames } from './support/replay_frames.ts';
import { type Served, startServe } from './support/serve.ts';
import { waitFor } from './support/wait_for.ts';

const scratch = scratchFolder();
/** Where the numbered frames go to. */
const port = 53;
let pair: NamespacePair;
let served: Served;

beforeAll(async () => {
  pair = await createNamespacePair();
  served = await startServe({ interfaces: [pair.near.name], colo: 'lab01' });
});
afterAll(async () => {
  await served?.remove();
  await pair?.remove();
});

interface Ran {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Starts edgetap: `words` are split at blanks, `rest` is taken as it is. */
function start(
  words: string,
  ...rest: string[]
): { readonly child: ChildProcessWithoutNullStreams; readonly ended: Promise<Ran> } {
  const child = spawn(edgetapProgram, [...words.split(' '), ...rest], {
    env: {
      PATH: process.env['PATH'],
      HOME: scratch('home'),
      EDGETAP_URL: served.url,
      EDGETAP_TOKEN: served.token,
    },
  });
  const ended = (async (): Promise<Ran> => {
    const [stdout, stderr] = await Promise.all([buffer(child.stdout), text(child.stderr), once(child, 'close')]);
    return { code: child.exitCode, stdout, stderr };
  })();
  return { child, ended };
}
async function run(words: string, ...rest: string[]): Promise<Ran & { readonly text: string }> {
  const { child, ended } = start(words, ...rest);
  child.stdin.end();
  const ran = await ended;
  return { ...ran, text: ran.stdout.toString() };
}

/** Sends numbered datagrams. */
function sendDatagrams(count: number): void {
  replayFrames(
    pair.far,
    upTo(count).map((number) => numberedFrame(number)),
  );
}

/** The numbers in the datagrams of a capture file. */
function numbersIn(file: Uint8Array): number[] {
  const { packets, error } = readPackets([file]);
  if (error !== undefined) throw new Error('the file is damaged', { cause: error });
  return packets.map(({ data }) => numberOf(data));
}
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Waits until the one capture that is not final captures; gives its id. */
async function capturing(): Promise<string> {
  return await waitFor(
    async () => {
      const { body } = await served.call('GET', '/pcaps?status=running');
      const [first] = body.result as unknown as readonly { id: string; sensors?: readonly { status: string }[] }[];
      return first?.sensors?.some((one) => one.status === 'running') === true ? first.id : undefined;
    },
    { what: 'a capture runs' },
  );
}

describe('a bucket of its own, then captures', () => {
  const directory = (): string => join(served.data_dir, 'buckets', 'cli');

  test('add, validate, list', async () => {
    mkdirSync(directory(), { recursive: true });
    const added = await run('bucket add', `file://${directory()}`);
    expect([added.code, added.text]).toEqual([0, expect.stringMatching(/^ownership-challenge-[0-9a-f]{32}\.txt\n$/)]);
    const wrong = await run('bucket validate', `file://${directory()}`, '--challenge', added.text.trim());
    expect([wrong.code, wrong.stderr]).toEqual([3, expect.stringContaining('(1209, /ownership_challenge)')]);
    const file = join(directory(), added.text.trim());
    const proved = await run('bucket validate', `file://${directory()}`, '--challenge-file', file);
    expect([proved.code, proved.stderr]).toEqual([0, expect.stringContaining('is yours')]);
    expect((await run('bucket list')).text).toMatch(/ success {2}.*file:\/\//);
  });

  test('a full capture, waited for, saved, and read by others', async () => {
    const path = scratch('full.pcapng');
    const filter = `--proto udp --dport ${port}`;
    const { child, ended } = start(`capture full --colo lab --time 2m --packets 50 ${filter} --json -o`, path);
    child.stdin.end();
    await capturing();
    sendDatagrams(60);
    const { code, stdout, stderr } = await ended;
    expect([code, stderr]).toEqual([0, expect.stringContaining(`edgetap: wrote ${path}.\n`)]);
    expect(JSON.parse(stdout.toString())).toMatchObject({ status: 'success', packets_captured: 50, format: 'pcapng' });
    expect(numbersIn(readFileSync(path))).toEqual(upTo(50));
    expect(runClean('tshark', ['-r', path, '-T', 'fields', '-e', 'udp.dstport']).trim().split('\n')).toHaveLength(50);
  });

  test('Ctrl-C stops it, and what it has is saved', async () => {
    const path = scratch('stopped.pcap');
    const { child, ended } = start('capture full --colo lab01 --time 10m -o', path, `udp port ${port}`);
    child.stdin.end();
    const id = await capturing();
    sendDatagrams(7);
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    expect([code, stderr]).toEqual([0, expect.stringContaining('stopping the capture')]);
    expect(stderr).toContain('the capture ended (7 packets, 0 dropped).\n');
    expect(numbersIn(readFileSync(path))).toEqual(upTo(7));
    const shown = await run('show', id);
    expect(shown.text).toMatch(/Status {5}success\n/);
    expect(shown.text).toMatch(/Packets {4}7 \(/);
    expect(shown.text).toMatch(new RegExp(`^s1 +${pair.near.name} +lab01 +done +7 .* stopped$`, 'm'));
  });

  test('started, left alone, stopped, downloaded to a pipe', async () => {
    const begun = await run('capture full --colo lab01 --time 10m', `udp port ${port}`);
    const id = begun.text.trim();
    expect([begun.code, id]).toEqual([0, expect.stringMatching(/^[0-9a-f]{32}$/)]);
    expect(await capturing()).toBe(id);
    const early = await run('download', id);
    expect([early.code, early.stderr]).toEqual([3, expect.stringContaining('(1117)')]);
    sendDatagrams(3);
    const stopped = await run('stop --wait', id);
    expect([stopped.code, stopped.stderr]).toEqual([0, expect.stringContaining('the capture ended (3 packets')]);
    const piped = await run('download -o -', id);
    expect([piped.code, piped.stderr]).toEqual([0, '']);
    expect(numbersIn(piped.stdout)).toEqual(upTo(3));
  });

  test('a bucket that nothing uses can be removed', async () => {
    expect((await run('bucket rm', `file://${directory()}`)).code).toBe(0);
    expect(JSON.parse((await run('bucket list --json')).text)).toEqual([]);
  });
});

test('a look-back finds what has just passed', async () => {
  const path = scratch('lookback.pcap');
  const since = new Date().toISOString();
  sendDatagrams(20);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const { code, stderr } = await run(
    `capture simple --since ${since} --packets 5 --dport ${port} --proto udp -o`,
    path,
  );
  expect([code, stderr]).toEqual([0, expect.stringContaining('the capture ended (5 packets')]);
  // The newest five, in their order.
  expect(numbersIn(readFileSync(path))).toEqual([15, 16, 17, 18, 19]);
});

test('list shows them all, and pages', async () => {
  const all = JSON.parse((await run('list --json')).text) as { id: string }[];
  expect(all.length).toBeGreaterThanOrEqual(4);
  const page = await run('list --limit 1 --type full');
  expect(page.text.split('\n')).toHaveLength(3);
  expect(page.stderr).toMatch(/^edgetap: page 1 of \d+; --page shows others\.\n$/);
});

test('what the server refuses is 3, with every code and field; what is not there is 4', async () => {
  const refused = await run('capture simple --time 10m --packets 0', 'host example.com');
  expect([refused.code, refused.text]).toEqual([3, '']);
  expect(refused.stderr.match(/\(\d+, \/\w+\)/g)).toEqual([
    '(1103, /time_limit)',
    '(1103, /packet_limit)',
    '(1307, /filter_expression)',
  ]);
  const nobody = await run('list --url', `http://127.0.0.1:${await freePort()}`);
  expect([nobody.code, nobody.stderr]).toEqual([4, expect.stringContaining('ECONNREFUSED')]);
});
