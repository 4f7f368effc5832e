import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { edgetapProgram } from '../support/edgetap_program.ts';
import { holdDirectory } from '../../src/main/hold_directory.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { type NumberedTraffic, numberOf, startNumberedTraffic } from '../support/numbered_traffic.ts';
import { parsePcap } from '../support/packet_samples.ts';
import { descendants, isAlive } from '../support/process_tree.ts';
import { type Served, type ServeOptions, startServe } from '../support/serve.ts';
import {
  captureBecomes,
  createCapture,
  deliveredFile,
  provedFileBucket,
  showCapture,
  stopCapture,
} from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';
import { allArmed, sensorsOf } from './shown_sensors.ts';

let pair: NamespacePair;
let traffic: NumberedTraffic;
const servers: Served[] = [];

beforeAll(async () => {
  pair = await createNamespacePair();
  traffic = startNumberedTraffic(pair.far, { frames_per_s: 200, frame_bytes: 300, first: 0 });
});
afterAll(async () => {
  traffic?.stop();
  for (const served of servers) await served.remove();
  await pair?.remove();
});

async function start(options: Omit<ServeOptions, 'interfaces'> = {}): Promise<Served> {
  const served = await startServe({ interfaces: [pair.near.name], ...options });
  servers.push(served);
  return served;
}

const full = (destination_conf: string): Record<string, unknown> => ({
  type: 'full',
  time_limit: 300,
  colo_name: 'lab01',
  destination_conf,
});

/** Starts a capture that runs; gives what it has at least. */
async function running(served: Served, destination_conf: string): Promise<{ id: string; first: number }> {
  const { id } = await createCapture(served, full(destination_conf));
  await allArmed(served, id);
  const first = traffic.next();
  await new Promise((resolve) => setTimeout(resolve, 200));
  return { id, first };
}

/** What was delivered has no gap, and all from `first` to `last`. */
function expectAll(destination_conf: string, id: string, first: number, last: number): void {
  const numbers = parsePcap(deliveredFile(destination_conf, id)).packets.map(({ data }) => numberOf(data));
  expect(numbers.filter((number, place) => number !== (numbers[0] ?? 0) + place)).toEqual([]);
  expect(numbers[0]).toBeLessThanOrEqual(first);
  expect(numbers.at(-1)).toBeGreaterThanOrEqual(last);
}

async function exitCode(served: Served): Promise<number | null> {
  if (served.process.exitCode === null) await once(served.process, 'exit');
  return served.process.exitCode;
}

describe.each([
  ['SIGTERM', (served: Served) => served.process.kill('SIGTERM')],
  // As the terminal does: everybody in the foreground gets it.
  ['Ctrl-C', (served: Served) => process.kill(-(served.process.pid ?? 0), 'SIGINT')],
])('%s', (_name, tell) => {
  test('ends what runs as complete, with all that it has, and leaves nothing running', async () => {
    const served = await start({ detached: true });
    const destination_conf = await provedFileBucket(served);
    const captures = [await running(served, destination_conf), await running(served, destination_conf)];
    const stopped = await running(served, destination_conf);
    const children = descendants(served.process.pid ?? 0);
    const last = traffic.next() - 1;
    await stopCapture(served, stopped.id);
    tell(served);
    expect(await exitCode(served)).toBe(0);
    expect(children.filter(isAlive)).toEqual([]);
    // It is all there before anything is started again.
    for (const { id, first } of captures) expectAll(destination_conf, id, first, last);
    expect(served.output()).not.toMatch(/"level":(50|60)/);

    const next = await start({ data_dir: served.data_dir });
    for (const { id } of captures) {
      const shown = await showCapture(next, id);
      expect(shown).toMatchObject({ status: 'complete', error_message: 'edgetap was shut down' });
      expect(sensorsOf(shown)).toMatchObject([{ status: 'done', stop_reason: 'shutdown' }]);
      expect(shown).not.toHaveProperty('stop_requested');
    }
    expect(await showCapture(next, stopped.id)).toMatchObject({ status: 'success' });
    expect(await next.stop()).toBe(0);
  });
});

test('a capture that is pending ends too, with an empty file', async () => {
  const served = await start();
  const destination_conf = await provedFileBucket(served);
  const sensor = served.pidOf('sensor');
  process.kill(sensor, 'SIGSTOP');
  const { id } = await createCapture(served, full(destination_conf));
  served.process.kill('SIGTERM');
  const file = await waitFor(() => deliveredFile(destination_conf, id), { what: 'an empty file' });
  process.kill(sensor, 'SIGCONT');
  expect(await exitCode(served)).toBe(0);
  expect(parsePcap(file).packets).toEqual([]);
  const next = await start({ data_dir: served.data_dir });
  expect(await showCapture(next, id)).toMatchObject({
    status: 'complete',
    error_message: 'edgetap was shut down',
    packets_captured: 0,
  });
});

test('what cannot be delivered does not keep it for ever, told twice not at all, and goes on at the next start', async () => {
  const served = await start();
  const destination_conf = await provedFileBucket(served);
  const { id, first } = await running(served, destination_conf);
  const buckets = join(served.data_dir, 'buckets');
  renameSync(buckets, `${buckets}.away`);
  const last = traffic.next() - 1;
  served.process.kill('SIGTERM');
  await waitFor(() => /cannot be|does not exist/.test(served.output()), { what: 'the trouble is told' });
  served.process.kill('SIGTERM');
  expect(await exitCode(served)).toBe(0);
  expect(served.output()).toContain('what is not delivered goes on at the next start');

  const next = await start({ data_dir: served.data_dir });
  // The new start has made the directory again.
  const done = await captureBecomes(next, id);
  expect(done).toMatchObject({ status: 'complete', error_message: 'edgetap was shut down' });
  expectAll(destination_conf, id, first, last);
});

test('a start that is interrupted ends in order', async () => {
  const served = await start();
  expect(await served.stop()).toBe(0);
  rmSync(join(served.data_dir, 'control', 'control.pid'));
  // Its sensor waits for the lock of another: it is not ready when it is told to end.
  const held = holdDirectory(join(served.data_dir, 'sensor'), 'sensor', 0);
  const child = spawn(edgetapProgram, ['serve', '--data-dir', served.data_dir, '--listen', '127.0.0.1:0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], EDGETAP_INTERFACES: pair.near.name },
  });
  const exited = once(child, 'exit');
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
  await waitFor(() => existsSync(join(served.data_dir, 'control', 'control.pid')), { what: 'a control' });
  const children = descendants(child.pid ?? 0);
  child.kill('SIGTERM');
  setTimeout(() => held.release(), 500);
  expect(await exited).toEqual([0, null]);
  expect(output).not.toContain('URL');
  expect(children.filter(isAlive)).toEqual([]);
});
