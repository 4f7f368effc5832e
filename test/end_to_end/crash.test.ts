import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { type NumberedTraffic, numberOf, startNumberedTraffic } from '../support/numbered_traffic.ts';
import { parsePcap, type SamplePacket } from '../support/packet_samples.ts';
import { seededRandom } from '../support/seeded_random.ts';
import { type Served, startServe } from '../support/serve.ts';
import {
  captureBecomes,
  createCapture,
  deliveredFile,
  downloadFile,
  provedFileBucket,
  type ShownCapture,
  showCapture,
  stopCapture,
} from '../support/take_captures.ts';
import { endsWhole, isWhole, reasonsOf } from '../support/ends_whole.ts';
import { waitFor } from '../support/wait_for.ts';
import { allArmed, sensorsOf } from './shown_sensors.ts';
import { soak } from '../support/soak.ts';

const kills = 25 * soak;
const seed = Number(process.env['EDGETAP_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
/** A look-back waits so long for a sensor that restarts; on a busy machine that may take longer. */
const patience_ms = 5000;
const frame_bytes = 1200;
/** The numbers of one interface's frames begin at a multiple of it. */
const series_size = 1_000_000_000;

/** One machine under test; what is sent on each of its interfaces is numbered. */
interface Machine {
  readonly served: Served;
  readonly destination_conf: string;
  readonly interfaces: readonly { readonly name: string; readonly traffic: NumberedTraffic }[];
  /** Every sealed segment that was ever seen, and its checksum. */
  readonly segments: Map<string, string>;
  readonly random: (below: number) => number;
}

let pairs: NamespacePair[] = [];
let machines: Machine[] = [];

async function startMachine(ports: readonly NamespacePair[], number: number): Promise<Machine> {
  // Every packet is sampled, bursts too: what is missing was lost.
  const served = await startServe({
    interfaces: ports.map((pair) => pair.near.name),
    env: { EDGETAP_SAMPLE_RATE: '1' },
  });
  return {
    served,
    destination_conf: await provedFileBucket(served),
    interfaces: ports.map((pair, index) => ({
      name: pair.near.name,
      traffic: startNumberedTraffic(pair.far, { frames_per_s: 500, frame_bytes, first: index * series_size }),
    })),
    segments: new Map(),
    random: seededRandom(seed + number),
  };
}

beforeAll(async () => {
  // oxlint-disable-next-line no-console -- what a failure is repeated with
  console.log(`crash: EDGETAP_SEED=${seed}`);
  for (let count = 0; count < 3; count += 1) pairs.push(await createNamespacePair());
  // One delivers its one interface's part itself, the other has two parts converted.
  machines = await Promise.all([startMachine(pairs.slice(0, 1), 1), startMachine(pairs.slice(1), 2)]);
});
afterAll(async () => {
  for (const { served, interfaces } of machines) {
    for (const { traffic } of interfaces) traffic.stop();
    await served.remove();
  }
  for (const pair of pairs) await pair.remove();
});

const pause = async (ms: number): Promise<void> => {
  await new Promise((resolve) => setTimeout(resolve, ms));
};

const full = (machine: Machine): Record<string, unknown> => ({
  type: 'full',
  time_limit: 3600,
  colo_name: 'lab01',
  destination_conf: machine.destination_conf,
});

/** The numbers of one interface's packets in a file. */
function numbersOf(packets: readonly SamplePacket[], index: number): readonly number[] {
  return packets.map((packet) => numberOf(packet.data)).filter((number) => Math.floor(number / series_size) === index);
}

/** The first and the last number of each interface's packets in a file, which has none twice and leaves none out. */
function seriesOf(
  packets: readonly SamplePacket[],
  interfaces: number,
): readonly ({ first: number; last: number } | undefined)[] {
  return Array.from({ length: interfaces }, (_, index) => {
    const own = numbersOf(packets, index);
    const [first, last] = [own[0], own.at(-1)];
    if (first === undefined || last === undefined) return undefined;
    expect(own.filter((number, place) => number !== first + place)).toEqual([]);
    return { first, last };
  });
}

/** Sealed segments of every stream, by path. */
function sealedSegments(machine: Machine): string[] {
  const root = join(machine.served.data_dir, 'sensor', 'samples');
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => /(^|\/)[0-9]{10}\.pcap$/.test(name))
    .map((name) => join(root, name));
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** No sealed segment that was ever there is gone; what is new is remembered. */
function checkSegments({ segments }: Machine, now: readonly string[]): void {
  for (const path of segments.keys()) expect(now).toContain(path);
  for (const path of now) if (!segments.has(path)) segments.set(path, sha256(path));
}

/** What is on a machine's disk of a capture at the moment before a kill. */
interface Before {
  /** Bytes of its parts' files in the spool. */
  readonly spool_bytes: number;
  /** The unfinished object in the bucket, where a piece of it has arrived already. */
  readonly upload_inode: number | undefined;
}

function lookAt(machine: Machine, id: string): Before {
  const spool = join(machine.served.data_dir, 'sensor', 'spool', id);
  const names = existsSync(spool) ? readdirSync(spool) : [];
  const size = (name: string): number => statSync(join(spool, name), { throwIfNoEntry: false })?.size ?? 0;
  const arrived = names.some((name) => {
    if (!name.includes('.upload-') || size(name) === 0) return false;
    return readFileSync(join(spool, name), 'utf8').trimEnd().split('\n').length > 1;
  });
  const bucket = machine.destination_conf.slice('file://'.length);
  const partial = readdirSync(bucket).find((name) => name.includes(id) && name.endsWith('.partial'));
  return {
    spool_bytes: names.filter((name) => name.endsWith('.pcap')).reduce((sum, name) => sum + size(name), 0),
    upload_inode: arrived && partial !== undefined ? statSync(join(bucket, partial)).ino : undefined,
  };
}

/** Checks what was delivered of a full capture by itself. Gives the numbers of each interface. */
function checkDelivered(machine: Machine, capture: ShownCapture, before: Before): ReturnType<typeof seriesOf> {
  const file = deliveredFile(machine.destination_conf, capture.id);
  const { packets } = parsePcap(file);
  expect(capture['packets_captured']).toBe(packets.length);
  expect(packets.every(({ time }, index) => time >= (packets[index - 1]?.time ?? 0n))).toBe(true);
  // Each interface's file had a header of its own, and may have ended within a record.
  const count = machine.interfaces.length;
  const least_bytes = before.spool_bytes - count * (24 + 16 + frame_bytes);
  expect({ capture, before, whole: file.length >= least_bytes }).toEqual({ capture, before, whole: true });
  if (before.upload_inode !== undefined && count === 1) {
    const path = join(machine.destination_conf.slice('file://'.length), `pcap_${capture.id}.pcap`);
    expect(statSync(path).ino).toBe(before.upload_inode);
  }
  return seriesOf(packets, count);
}

/** Kills a child and waits until both are at work again: a new capture is taken, and runs. Gives how long that took. */
async function killAndComeBack(machine: Machine, name: 'control' | 'sensor'): Promise<number> {
  const { served } = machine;
  const pid = served.pidOf(name);
  const logged = served.output().length;
  const killed = performance.now();
  process.kill(pid, 'SIGKILL');
  const every_ms = 50;
  const probe = await (async () => {
    const made = await waitFor(async () => await createCapture(served, full(machine)), { what: 'an API', every_ms });
    await waitFor(async () => (await showCapture(served, made.id)).status === 'running', {
      what: 'a sensor',
      every_ms,
    });
    await allArmed(served, made.id);
    return made;
  })().catch((error: unknown) => {
    const log = served.output().slice(logged);
    throw new Error(`after the ${name}'s death ${String(error)}\n${log}`, { cause: error });
  });
  const took_ms = performance.now() - killed;
  expect(served.pidOf(name)).not.toBe(pid);
  await stopCapture(served, probe.id);
  await endsWhole(served, probe.id);
  return took_ms;
}

const atMost = (most: number): unknown =>
  expect.toSatisfy((value) => typeof value === 'number' && value <= most, `at most ${most}`);
const atLeast = (least: number): unknown =>
  expect.toSatisfy((value) => typeof value === 'number' && value >= least, `at least ${least}`);

async function round(machine: Machine, number: number): Promise<string> {
  const { served, random, interfaces } = machine;
  const name = random(2) === 0 ? 'sensor' : 'control';
  const running = random(4) > 0;
  const stopsBefore = random(3) === 0;
  const made = await createCapture(served, full(machine));
  if (running) await allArmed(served, made.id);
  const seenRunning = interfaces.map(({ traffic }) => traffic.next());
  // Sometimes more than a piece of the upload.
  if (running && random(3) === 0) for (const { traffic } of interfaces) traffic.burst(9000);
  await pause(random(1500));
  const lookback = await createCapture(served, { type: 'simple', time_limit: 2, packet_limit: 1000 });
  if (stopsBefore) {
    await stopCapture(served, made.id);
    await pause(random(150));
  }
  const sealed = sealedSegments(machine);
  checkSegments(machine, sealed);
  const before = lookAt(machine, made.id);
  const took_ms = await killAndComeBack(machine, name);
  checkSegments(machine, sealedSegments(machine));
  const beforeStop = interfaces.map(({ traffic }) => traffic.next());
  await pause(50);
  await stopCapture(served, made.id);

  const done = await captureBecomes(served, made.id);
  const what = `round ${number}: ${name}${running ? ', running' : ''}${stopsBefore ? ', stopped' : ''}: ${done.status}`;
  const parts = sensorsOf(done);
  const crashed = parts.some((part) => part.stop_reason === 'crashed');
  if (name === 'control') expect([what, crashed]).toEqual([what, false]);
  if (done.status === 'failed') {
    // Killed before there was a file: nothing was on the disk.
    expect(before.spool_bytes).toBe(0);
    expect(done['error_message']).toMatch(/died/);
  } else {
    expect([what, reasonsOf(done).join('; ')]).toEqual([what, crashed ? expect.stringMatching(/died/) : '']);
    expect([what, done.status === 'complete' || isWhole(done)]).toEqual([what, true]);
    const series = checkDelivered(machine, done, before);
    if (running) {
      // From before it was seen running, and, where nothing cut it, until after its stop.
      for (const [index, first] of seenRunning.entries()) {
        if (crashed && series[index] === undefined) continue;
        expect([what, series[index]?.first]).toEqual([what, atMost(first)]);
        if (!crashed && !stopsBefore)
          expect([what, series[index]?.last]).toEqual([what, atLeast((beforeStop[index] ?? 0) - 1)]);
      }
    }
  }

  const answer = await captureBecomes(served, lookback.id);
  if (name === 'sensor' && took_ms > patience_ms && answer.status === 'failed') return what;
  // One whose window begins before the sensor was back is partial, and says what is missing.
  const lacking = sensorsOf(answer).flatMap(({ missing }) => missing ?? []);
  expect([what, answer.status, lacking, sensorsOf(answer).map((part) => part.error)]).toEqual([
    what,
    lacking.length === 0 ? 'success' : 'complete',
    lacking,
    interfaces.map(() => undefined),
  ]);
  const { packets } = parsePcap(await downloadFile(served, lookback.id));
  expect([what, packets.length]).toEqual([what, atLeast(1)]);
  for (const [index, { name: port }] of interfaces.entries()) {
    const own = numbersOf(packets, index);
    const ascending = own.every((number, place) => place === 0 || number > (own[place - 1] ?? 0));
    expect([what, ascending]).toEqual([what, true]);
    // A sensor that was killed shortly before has a hole in its samples, and says so.
    const isWhole = own.length === 0 || (own.at(-1) ?? 0) - (own[0] ?? 0) === own.length - 1;
    const told = sensorsOf(answer).find((part) => part.interface === port)?.coverage ?? '';
    expect([what, isWhole ? '' : told]).toEqual([what, isWhole ? '' : expect.stringMatching(/no samples from/)]);
  }
  return what;
}

test(`nothing that was accepted, sealed or uploaded is lost by ${kills} kills`, {
  timeout: 1_000_000 * soak,
}, async () => {
  let left = kills;
  let number = 0;
  const told: string[] = [];
  await Promise.all(
    machines.map(async (machine) => {
      while (left > 0) {
        left -= 1;
        number += 1;
        told.push(await round(machine, number));
      }
    }),
  );
  // Both kinds were killed, and something was cut.
  expect(told.filter((what) => what.includes('sensor')).length).toBeGreaterThan(kills / 5);
  expect(told.filter((what) => what.includes('control')).length).toBeGreaterThan(kills / 5);
  expect(told.filter((what) => what.endsWith('complete')).length).toBeGreaterThan(0);

  for (const { served, destination_conf, segments } of machines) {
    for (const [path, sum] of segments) expect([path, sha256(path)]).toEqual([path, sum]);
    // Nothing is left behind.
    const leftOver = (): string[] =>
      ['sensor/spool', 'staging', 'results']
        .flatMap((name) =>
          readdirSync(join(served.data_dir, name), { recursive: true, encoding: 'utf8', withFileTypes: true }),
        )
        .concat(readdirSync(destination_conf.slice('file://'.length), { withFileTypes: true }))
        .filter(
          (entry) => entry.isFile() && !/^(pcap_[0-9a-f]{32}\.pcap|ownership-challenge-.*\.txt)$/.test(entry.name),
        )
        .map((entry) => join(entry.parentPath, entry.name));
    await waitFor(() => leftOver().length === 0 || leftOver().join(', '), {
      what: 'nothing left over',
    }).catch(() => undefined);
    expect(leftOver()).toEqual([]);
  }
});
