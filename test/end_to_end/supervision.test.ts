import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failedStart } from '../support/failed_start.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { type NumberedTraffic, numberOf, startNumberedTraffic } from '../support/numbered_traffic.ts';
import { parsePcap } from '../support/packet_samples.ts';
import { worker_options } from '../../src/main/worker_options.ts';
import { descendants, isAlive } from '../support/process_tree.ts';
import { type Served, startServe } from '../support/serve.ts';
import {
  captureBecomes,
  createCapture,
  deliveredFile,
  provedFileBucket,
  showCapture,
  stopCapture,
} from '../support/take_captures.ts';
import { endsWhole, reasonsOf } from '../support/ends_whole.ts';
import { waitFor } from '../support/wait_for.ts';
import { allArmed, sensorsOf } from './shown_sensors.ts';

let pairs: NamespacePair[] = [];
let traffic: NumberedTraffic[] = [];
let names: string[] = [];

beforeAll(async () => {
  pairs = [await createNamespacePair(), await createNamespacePair()];
  names = pairs.map((pair) => pair.near.name);
  traffic = pairs.map((pair, index) =>
    startNumberedTraffic(pair.far, { frames_per_s: 200, frame_bytes: 300, first: index * 1_000_000_000 }),
  );
});
afterAll(async () => {
  for (const one of traffic) one.stop();
  for (const pair of pairs) await pair.remove();
});

const full = (destination_conf: string): Record<string, unknown> => ({
  type: 'full',
  time_limit: 300,
  colo_name: 'lab01',
  destination_conf,
});

describe('one data directory', () => {
  let served: Served;
  beforeAll(async () => {
    served = await startServe({ interfaces: names });
  });
  afterAll(async () => await served?.remove());

  test('a second serve on it is refused, with the pid of the first, in one line', async () => {
    const second = await failedStart({ EDGETAP_DATA_DIR: served.data_dir });
    expect(second).toEqual({
      code: 1,
      stdout: '',
      stderr: `edgetap: ${served.data_dir} is in use by process ${served.process.pid}: stop it, or choose another EDGETAP_DATA_DIR.\n`,
    });
  });

  test('a child that cannot start is tried again with growing pauses, until it can', async () => {
    const key_file = join(served.data_dir, 'secret.key');
    const key = readFileSync(key_file);
    writeFileSync(key_file, 'no key\n');
    const logged = served.output().length;
    process.kill(served.pidOf('control'), 'SIGKILL');
    const restarts = (): { readonly wait_ms: number; readonly msg: string }[] =>
      served
        .output()
        .slice(logged)
        .split('\n')
        .flatMap((line) =>
          line.includes('started again') ? [JSON.parse(line) as { wait_ms: number; msg: string }] : [],
        );
    await waitFor(() => restarts().length >= 4, { what: 'four restarts' });
    const waits = restarts().map(({ wait_ms }) => wait_ms);
    expect([0, 100]).toContain(waits[0]);
    for (const [index, wait_ms] of waits.slice(2).entries()) expect(wait_ms).toBe(2 * (waits[index + 1] ?? 0));
    expect(restarts()[1]?.msg).toBe(
      `the control process ended and is started again: The key file ${key_file} does not open what was sealed with it: put back the right key file.`,
    );
    writeFileSync(key_file, key);
    await waitFor(async () => (await served.call('GET', '/pcaps')).status === 200, {
      what: 'an API',
    });
  });

  test('a child that dies takes its helpers with it', async () => {
    const [pid, kin] = [served.pidOf('sensor'), descendants(served.pidOf('sensor'))];
    const options = (): string[] => readFileSync(`/proc/${served.pidOf('sensor')}/cmdline`, 'utf8').split('\0');
    expect(options()).toEqual(expect.arrayContaining([...worker_options]));
    expect(kin.length).toBeGreaterThan(0);
    process.kill(pid, 'SIGKILL');
    await waitFor(() => !kin.some(isAlive), { what: 'no helper left' });
    await waitFor(() => served.pidOf('sensor') !== pid, { what: 'another sensor' });
    expect(options()).toEqual(expect.arrayContaining([...worker_options]));
  });

  test('the supervisor is killed: its children end, and the next one goes on with their captures', async () => {
    const destination_conf = await provedFileBucket(served);
    const made = await createCapture(served, full(destination_conf));
    await allArmed(served, made.id);
    const seen = traffic.map((one) => one.next());
    await new Promise((resolve) => setTimeout(resolve, 300));
    const sent = traffic.map((one) => one.next());
    const children = descendants(served.process.pid ?? 0);
    expect(children.length).toBeGreaterThanOrEqual(2);
    served.process.kill('SIGKILL');
    await once(served.process, 'exit');
    const next = await startServe({ interfaces: names, data_dir: served.data_dir });
    try {
      expect(children.filter(isAlive)).toEqual([]);
      const done = await captureBecomes(next, made.id);
      expect(done.status).toBe('complete');
      expect(reasonsOf(done)).toEqual(names.map((name) => `s1/${name}: its sensor was shut down`));
      expect(sensorsOf(done).map((one) => one.stop_reason)).toEqual(['shutdown', 'shutdown']);
      const numbers = parsePcap(deliveredFile(destination_conf, made.id)).packets.map(({ data }) => numberOf(data));
      expect(numbers).toHaveLength(Number(done['packets_captured']));
      for (const [index, first] of seen.entries()) {
        const own = numbers.filter((number) => Math.floor(number / 1_000_000_000) === index);
        expect(own.filter((number, place) => number !== (own[0] ?? 0) + place)).toEqual([]);
        expect(own[0]).toBeLessThanOrEqual(first);
        expect(own.at(-1)).toBeGreaterThanOrEqual((sent[index] ?? 0) - 1);
      }
      // And the machine works as before.
      const after = await createCapture(next, full(destination_conf));
      await allArmed(next, after.id);
      await stopCapture(next, after.id);
      await endsWhole(next, after.id);
      expect((await showCapture(next, made.id)).status).toBe('complete');
    } finally {
      await next.remove();
    }
  });
});
