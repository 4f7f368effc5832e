import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatTime } from '../../src/model/time.ts';
import { type FrameLedger, openFrameLedger } from '../support/frame_ledger.ts';
import { freeze } from '../support/freeze.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { numberOf } from '../support/numbered_traffic.ts';
import { parsePcap } from '../support/packet_samples.ts';
import { type Served, startServe } from '../support/serve.ts';
import {
  captureBecomes,
  createCapture,
  deliveredFile,
  downloadFile,
  provedFileBucket,
  stopCapture,
} from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';
import { soak } from '../support/soak.ts';

/** A ring of blocks of which each is given up to one tick of a short timer lasts 3 to 5 s. */
const pause_ms = soak > 1 ? 30_000 : 7000;
const frames_per_s = 500;
const second = 1_000_000_000n;

let pair: NamespacePair;
let served: Served;
let ledger: FrameLedger;

beforeAll(async () => {
  pair = await createNamespacePair();
  // All packets are sampled: what is missing was lost.
  served = await startServe({ interfaces: [pair.near.name], env: { EDGETAP_SAMPLE_RATE: '1' } });
  ledger = await openFrameLedger(pair.far, { frames_per_s, frame_bytes: 1400, first: 0 });
});
afterAll(async () => {
  await ledger?.stop();
  await served?.remove();
  await pair?.remove();
});

const rest = async (ms: number): Promise<void> => {
  await new Promise((settle) => setTimeout(settle, ms));
};
const now = (): bigint => BigInt(Date.now()) * 1_000_000n;
const numbersOf = (file: Uint8Array): readonly number[] => parsePcap(file).packets.map(({ data }) => numberOf(data));

/** The frames that were surely sent in (from, to]. */
async function sentIn(from: bigint, to: bigint): Promise<readonly number[]> {
  const batches = (await ledger.sent()).filter(({ before, after }) => before > from && after <= to);
  return batches.flatMap(({ first, count }) => Array.from({ length: count }, (_, index) => first + index));
}

const missingOf = (wanted: readonly number[], there: readonly number[]): readonly number[] => {
  const found = new Set(there);
  return wanted.filter((number) => !found.has(number));
};

test(`a sensor that stands for ${pause_ms} ms loses nothing of ${frames_per_s} packets a second`, async () => {
  const bucket = await provedFileBucket(served);
  const { id } = await createCapture(served, {
    type: 'full',
    colo_name: 'lab01',
    destination_conf: bucket,
    time_limit: 600,
  });
  await captureBecomes(served, id, ['running']);
  const begun = now();
  await rest(500);
  const goOn = await freeze([served.pidOf('sensor')]);
  await rest(pause_ms);
  // A busy machine sends as many in a longer time.
  const packets = (pause_ms * frames_per_s) / 1000;
  await waitFor(async () => (await sentIn(begun, now())).length >= packets, { what: 'all to be sent' });
  goOn();
  await rest(500);
  const over = now();
  await stopCapture(served, id);
  const full = await captureBecomes(served, id);
  const sent = await sentIn(begun, over);
  expect(sent.length).toBeGreaterThanOrEqual(packets);
  expect(full).toMatchObject({ status: 'success', packets_dropped: 0 });
  expect(missingOf(sent, numbersOf(deliveredFile(bucket, id)))).toEqual([]);

  await waitFor(() => now() > over + second, { what: 'all of it is visible' });
  for (let from = begun; from < over; from += 10n * second) {
    const to = from + 10n * second < over ? from + 10n * second : over;
    const look = await createCapture(served, {
      type: 'simple',
      // Whole seconds: what is asked for reaches a little farther back.
      time_limit: Number((to - from + second - 1n) / second),
      packet_limit: 10_000,
      offset_time: formatTime(to),
    });
    const capture = await captureBecomes(served, look.id);
    expect(capture).toMatchObject({ packets_dropped: 0 });
    const file = await downloadFile(served, look.id);
    expect(missingOf(await sentIn(from, to), numbersOf(file))).toEqual([]);
  }
});

/** A frame in 256 is asked for: all of a burst would be more than a look-back gives. */
const some = 'ether[17] = 0';
const isSome = (number: number): boolean => number % 256 === 0;

test('of the seconds around a pause in which packets were lost, those are partial in which some were, and no other', async () => {
  const wholeSecond = (at: bigint): bigint => at - (at % second);
  const begun = wholeSecond(now());
  await rest(3000);
  const goOn = await freeze([served.pidOf('sensor')]);
  await rest(1500);
  await ledger.burst(150_000);
  await rest(2500);
  goOn();
  await rest(3500);
  const over = wholeSecond(now());
  await waitFor(() => now() > over + second, { what: 'all of it is visible' });

  const seconds: { readonly at: number; readonly missing: number; readonly told: string; readonly dropped: number }[] =
    [];
  for (let from = begun + second; from < over; from += second) {
    const look = await createCapture(served, {
      type: 'simple',
      time_limit: 1,
      packet_limit: 10_000,
      filter_expression: some,
      offset_time: formatTime(from + second),
    });
    const capture = await captureBecomes(served, look.id);
    const sent = (await sentIn(from, from + second)).filter(isSome);
    const missing = missingOf(sent, numbersOf(await downloadFile(served, look.id))).length;
    const [share] = capture['sensors'] as readonly { readonly dropped?: number }[];
    const at = Number((from - begun) / second);
    seconds.push({ at, missing, told: capture.status, dropped: share?.dropped ?? 0 });
  }
  const lossy = seconds.filter(({ missing }) => missing > 0);
  expect(lossy.length).toBeGreaterThan(0);
  // Each that is missing stands for 256 that were lost.
  expect(lossy.filter(({ told, dropped, missing }) => told !== 'complete' || dropped < missing)).toEqual([]);
  // Whole ones lie before the burst and after the pause; of the frames of a lossy second that are not asked for some may be missing.
  const [first, last] = [lossy[0]?.at ?? 0, lossy.at(-1)?.at ?? 0];
  expect(seconds.filter(({ at, told }) => (at < first - 1 || at > last + 1) && told !== 'success')).toEqual([]);
});
