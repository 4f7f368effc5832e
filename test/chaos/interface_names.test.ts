import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { type NumberedTraffic, numberOf, startNumberedTraffic } from '../support/numbered_traffic.ts';
import { parsePcap } from '../support/packet_samples.ts';
import { type Served, startServe } from '../support/serve.ts';
import {
  captureBecomes,
  createCapture,
  deliveredFile,
  downloadFile,
  provedFileBucket,
  type ShownCapture,
  stopCapture,
} from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';

/** Frames of the device that loses its name, and of the one that gets it. */
const [old_first, fresh_first] = [0, 1_000_000];

let old: NamespacePair;
let fresh: NamespacePair;
let served: Served;
let traffic: readonly NumberedTraffic[] = [];

beforeAll(async () => {
  [old, fresh] = [await createNamespacePair(), await createNamespacePair()];
  served = await startServe({ interfaces: [old.near.name], env: { EDGETAP_SAMPLE_RATE: '1' } });
});
afterAll(async () => {
  for (const one of traffic) one.stop();
  await served?.remove();
  execFileSync('sh', [
    '-c',
    `ip link del ${old.near.name} 2>/dev/null; ip link del ${old.near.name}x 2>/dev/null; true`,
  ]);
  await old?.remove();
  await fresh?.remove();
});

const rest = async (ms: number): Promise<void> => {
  await new Promise((settle) => setTimeout(settle, ms));
};
const isFresh = (number: number): boolean => number >= fresh_first;
const numbersOf = (file: Uint8Array): readonly number[] => parsePcap(file).packets.map(({ data }) => numberOf(data));

async function lookBack(time_limit: number): Promise<{ capture: ShownCapture; numbers: readonly number[] }> {
  const { id } = await createCapture(served, { type: 'simple', time_limit, packet_limit: 10_000 });
  const capture = await captureBecomes(served, id, ['success', 'complete']);
  return { capture, numbers: numbersOf(await downloadFile(served, id)) };
}

test('where another device gets the name of an interface, every result has the packets of the one that had it then', async () => {
  const { name } = old.near;
  const rate = { frames_per_s: 200, frame_bytes: 100 };
  traffic = [
    startNumberedTraffic(old.far, { ...rate, first: old_first }),
    startNumberedTraffic(fresh.far, { ...rate, first: fresh_first }),
  ];
  const bucket = await provedFileBucket(served);
  const full = { type: 'full', colo_name: 'lab01', destination_conf: bucket, time_limit: 600 };
  const running = await createCapture(served, full);
  await captureBecomes(served, running.id, ['running']);
  await rest(2000);
  execFileSync('sh', ['-c', `ip link set ${name} down; ip link set ${name} name ${name}x; ip link set ${name}x up`]);
  const swap = `ip link set ${fresh.near.name} down; ip link set ${fresh.near.name} name ${name}; ip link set ${name} up`;
  execFileSync('sh', ['-c', swap]);
  // From the moment on at which it is followed, and some more.
  await waitFor(async () => (await lookBack(1)).numbers.some(isFresh), { what: 'the other device to be sampled' });
  await rest(2000);

  // All of it: first the one, then the other, and the time of the change is told.
  const whole = await lookBack(300);
  const first = whole.numbers.findIndex(isFresh);
  expect(first).toBeGreaterThan(0);
  expect(whole.numbers.slice(first).filter((number) => !isFresh(number))).toEqual([]);
  expect(whole.capture.status).toBe('complete');
  expect(String(whole.capture['error_message'])).toContain('interface renamed');
  // Of now, only the other.
  const last = await lookBack(1);
  expect(last.numbers.length).toBeGreaterThan(0);
  expect(last.numbers.filter((number) => !isFresh(number))).toEqual([]);

  const both = await createCapture(served, { ...full, lookback: 1 });
  await captureBecomes(served, both.id, ['running']);
  await rest(500);
  for (const { id } of [both, running]) {
    await stopCapture(served, id);
    await captureBecomes(served, id, ['success', 'complete']);
  }
  const mixed = numbersOf(deliveredFile(bucket, both.id));
  expect(mixed.length).toBeGreaterThan(0);
  expect(mixed.filter((number) => !isFresh(number))).toEqual([]);
  // The one that ran keeps to its device, and says what it lacks.
  const kept = await captureBecomes(served, running.id, ['complete']);
  expect(numbersOf(deliveredFile(bucket, running.id)).filter(isFresh)).toEqual([]);
  expect(String(kept['error_message'])).toContain(`another interface got the name ${name}`);
});
