import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { allArmed } from '../end_to_end/shown_sensors.ts';
import { freePort } from '../support/free_port.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { descendants, isAlive } from '../support/process_tree.ts';
import { type Served, startServe } from '../support/serve.ts';
import { captureBecomes, createCapture, deliveredFile, provedFileBucket } from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';
import { withoutRoot } from '../support/without_root.ts';

let pair: NamespacePair;
let served: Served | undefined;
let folder: string;
let mounted: string | undefined;
const open: number[] = [];
beforeAll(async () => {
  pair = await createNamespacePair();
  folder = mkdtempSync(join(tmpdir(), 'edgetap-output-'));
});
afterEach(async () => {
  await served?.remove();
  served = undefined;
  for (const descriptor of open.splice(0)) closeSync(descriptor);
  if (mounted !== undefined) execFileSync('umount', ['--lazy', mounted]);
  mounted = undefined;
});
afterAll(async () => {
  await pair?.remove();
  rmSync(folder, { recursive: true, force: true });
});

function opened(path: string, flags: string | number): number {
  const descriptor = openSync(path, flags);
  open.push(descriptor);
  return descriptor;
}

/** Writes into it until it takes nothing more. */
function fill(descriptor: number): void {
  for (const length of [4096, 1]) {
    try {
      for (;;) writeSync(descriptor, new Uint8Array(length).fill(10));
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code !== 'EAGAIN' && code !== 'ENOSPC') throw error;
    }
  }
}

let made = 0;
function fifo(): string {
  made += 1;
  const path = join(folder, `fifo-${made}`);
  execFileSync('mkfifo', [path]);
  return path;
}

/** An output that edgetap is given, and what happens to it. */
interface Harmed {
  readonly descriptor: number;
  readonly harm: () => void;
}

const both_ways = constants.O_RDWR | constants.O_NONBLOCK;
const outputs: readonly (readonly [string, () => Harmed])[] = [
  [
    'a pipe whose reader stands still',
    () => {
      const reader = opened(fifo(), both_ways);
      return { descriptor: reader, harm: () => fill(reader) };
    },
  ],
  [
    'a pipe whose reader is gone',
    () => {
      const path = fifo();
      const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      return { descriptor: opened(path, 'w'), harm: () => closeSync(reader) };
    },
  ],
  ['/dev/full', () => ({ descriptor: opened('/dev/full', 'w'), harm: () => undefined })],
  [
    'a file on a disk that is full',
    () => {
      const directory = mkdtempSync(join(tmpdir(), 'edgetap-log-'));
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'edgetap-test', directory]);
      mounted = directory;
      const filler = opened(join(directory, 'filler'), 'a');
      return { descriptor: opened(join(directory, 'log'), 'a'), harm: () => fill(filler) };
    },
  ],
];

describe.skipIf(withoutRoot('a full file system'))('output and log to', () => {
  describe.each(outputs)('%s', (_what, make) => {
    test.each([
      ['from the start', true],
      ['later', false],
    ])('%s: all is served, and ends in order', async (_when, early) => {
      const { descriptor, harm } = make();
      if (early) harm();
      const port = await freePort();
      const at = await startServe({
        interfaces: [pair.near.name],
        written_to: { stdout: descriptor, stderr: descriptor, port },
        env: { EDGETAP_LOG_LEVEL: 'trace' },
      });
      served = at;
      if (!early) harm();
      // More than any buffer on the way takes.
      for (let round = 0; round < 500; round += 1) await at.call('GET', `/pcaps/${'0'.repeat(32)}`);
      const bucket = await provedFileBucket(at);
      const order = { type: 'full', time_limit: 3600, colo_name: 'lab01', destination_conf: bucket };
      const { id } = await createCapture(at, order);
      await allArmed(at, id);
      const all = descendants(at.process.pid ?? 0);
      expect(await at.stop()).toBe(0);
      expect(all.filter(isAlive)).toEqual([]);
      expect(deliveredFile(bucket, id)).toBeDefined();
    });
  });

  test('a full disk: once there is room again the log goes on, and says how many lines are lost', {
    timeout: 900_000,
  }, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'edgetap-log-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'edgetap-test', directory]);
    mounted = directory;
    const filler = opened(join(directory, 'filler'), 'a');
    const log = join(directory, 'log');
    const descriptor = opened(log, 'a');
    const port = await freePort();
    const at = await startServe({
      interfaces: [pair.near.name],
      written_to: { stdout: descriptor, stderr: descriptor, port },
    });
    served = at;
    fill(filler);
    const ask = async (): Promise<unknown> => await at.call('GET', `/pcaps/${'0'.repeat(32)}`);
    const dropped = async (): Promise<number> => {
      const metrics = await (await fetch(`${at.url}/metrics`)).text();
      return Number(/^edgetap_log_lines_dropped_total (\d+)$/m.exec(metrics)?.[1] ?? 0);
    };
    await waitFor(async () => (await ask(), (await dropped()) > 20), { what: 'lines that are dropped' });
    rmSync(join(directory, 'filler'));
    closeSync(open.splice(open.indexOf(filler), 1)[0] ?? 0);
    await waitFor(
      async () => (await ask(), /lines of this log could not be written \(ENOSPC\)/.test(readFileSync(log, 'utf8'))),
      {
        what: 'the log to tell',
      },
    );
    const { id } = await createCapture(at, { type: 'simple', time_limit: 1, packet_limit: 1 });
    await captureBecomes(at, id);
    expect(await at.stop()).toBe(0);
    expect(readFileSync(log, 'utf8')).toContain('edgetap is ending');
  });
});
