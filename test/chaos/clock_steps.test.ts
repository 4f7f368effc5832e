import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { type NumberedTraffic, numberOf, startNumberedTraffic } from '../support/numbered_traffic.ts';
import { parsePcap } from '../support/packet_samples.ts';
import { seededRandom } from '../support/seeded_random.ts';
import { type Served, startServe } from '../support/serve.ts';
import { type SteppedClock, steppedClock } from '../support/stepped_clock.ts';
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
import { testSeed } from '../support/test_seed.ts';
import { waitFor } from '../support/wait_for.ts';
import { allArmed, sensorsOf } from '../end_to_end/shown_sensors.ts';
import { soak } from '../support/soak.ts';

const rounds = soak;
const frames_per_s = 200;
const limit_ms = 240_000;

let pair: NamespacePair;
let traffic: NumberedTraffic;
let clock: SteppedClock;
let served: Served;
let destination_conf: string;
let noting: NodeJS.Timeout;

beforeAll(async () => {
  pair = await createNamespacePair();
  traffic = startNumberedTraffic(pair.far, { frames_per_s, frame_bytes: 300, first: 0 });
  noting = setInterval(() => sent.push({ at_ms: performance.now(), next: traffic.next() }), 10);
  clock = steppedClock();
  served = await startServe({ interfaces: [pair.near.name], env: clock.env });
  destination_conf = await provedFileBucket(served);
}, 2 * limit_ms);
afterAll(async () => {
  await served?.remove();
  clock?.remove();
  clearInterval(noting);
  traffic?.stop();
  await pair?.remove();
});

const full = (time_limit: number): Promise<ShownCapture> =>
  createCapture(served, { type: 'full', time_limit, colo_name: 'lab01', destination_conf });
const pause = async (ms: number): Promise<void> => await new Promise((resolve) => setTimeout(resolve, ms));

/** Control is there again, and answers. */
async function answering(): Promise<void> {
  const what = { what: 'control to answer' };
  await waitFor(async () => (await served.call('GET', '/pcaps').catch(() => undefined))?.status === 200, what);
}

/** Any other create changes the sensors' orders; this one is over at once. */
async function otherCreate(): Promise<void> {
  const { id } = await full(60);
  await stopCapture(served, id);
}

/** A moment, and the number of the next frame then. */
const sent: { readonly at_ms: number; readonly next: number }[] = [];

/** A delivered file has no gap, and all that was sent from when its capture was armed until so long after it was asked for. */
function lasts(id: string, since: { readonly asked_ms: number; readonly armed_next: number }, least_s: number): void {
  const { packets } = parsePcap(deliveredFile(destination_conf, id));
  const numbers = packets.map(({ data }) => numberOf(data));
  expect(numbers.filter((number, place) => number !== (numbers[0] ?? 0) + place)).toEqual([]);
  expect(numbers[0]).toBeLessThanOrEqual(since.armed_next);
  const until = sent.findLast(({ at_ms }) => at_ms <= since.asked_ms + least_s * 1000);
  expect(numbers.at(-1)).toBeGreaterThanOrEqual((until?.next ?? NaN) - 1);
}

/** A host's own clock is corrected by milliseconds now and then: the step is told with them. */
const tellsStep = (step_s: number): boolean =>
  [...served.output().matchAll(/"code":1807.*was set by (-?[\d.]+\d)/g)].some(
    ([, by]) => Math.abs(Number(by) - step_s) < 1,
  );

const steps_s = [20, 3600, 90_000, 30 * 86_400, -20, -3600, -90_000, -30 * 86_400] as const;

describe('a clock that is set', () => {
  test.each(steps_s)(
    'by %d s neither ends a capture early nor keeps it from its end',
    async (step_s) => {
      const time_limit = 4;
      const asked_ms = performance.now();
      const long = await full(3600);
      const short = await full(time_limit);
      await Promise.all([allArmed(served, long.id), allArmed(served, short.id)]);
      const since = { asked_ms, armed_next: traffic.next() };
      clock.set(clock.ahead_s + step_s);
      await otherCreate();
      const ended = await captureBecomes(served, short.id, ['success'], limit_ms);
      expect(sensorsOf(ended)).toMatchObject([{ status: 'done', stop_reason: 'time_limit', dropped: 0 }]);
      lasts(short.id, since, time_limit - 0.5);
      expect(ended['submitted']).toBe(short['submitted']);
      expect((await showCapture(served, long.id)).status).toBe('running');
      await stopCapture(served, long.id);
      await captureBecomes(served, long.id, ['success'], limit_ms);
      lasts(long.id, since, time_limit - 0.5);
      await waitFor(() => tellsStep(step_s), { what: 'the step to be told' });
    },
    limit_ms,
  );

  test(
    'at random moments, with control and sensor ending in between, ends and deletes nothing early',
    async () => {
      const random = seededRandom(testSeed('clock steps'));
      for (let round = 0; round < 2 * rounds; round += 1) {
        // A look-back of now, by the packets' clock; kept for seven days.
        clock.set(0);
        await answering();
        await pause(1500);
        const kept = await createCapture(served, { type: 'simple', time_limit: 1, packet_limit: 100 });
        await captureBecomes(served, kept.id, ['success', 'complete'], limit_ms);
        const file = await downloadFile(served, kept.id);
        const asked_ms = performance.now();
        const [long, short] = [await full(3600), await full(8)];
        await Promise.all([allArmed(served, long.id), allArmed(served, short.id)]);
        const since = { asked_ms, armed_next: traffic.next() };
        const kills_sensor = round % 2 === 1;
        for (let deed = 0; deed < 5; deed += 1) {
          clock.set(clock.ahead_s + (steps_s[random(steps_s.length)] ?? 0) + random(60));
          await pause(random(600));
          if (deed === 2) {
            const child = kills_sensor ? 'sensor' : 'control';
            const before = served.pidOf(child);
            process.kill(before, 'SIGKILL');
            await waitFor(() => served.pidOf(child) !== before, { what: `another ${child}` });
            await answering();
          }
          if (random(2) === 0) await otherCreate();
        }
        const ended = await captureBecomes(served, short.id, ['success', 'complete'], limit_ms);
        if (kills_sensor) {
          expect(sensorsOf(ended)).toMatchObject([{ status: 'done', stop_reason: 'crashed' }]);
          await captureBecomes(served, long.id, ['complete'], limit_ms);
        } else {
          expect(sensorsOf(ended)).toMatchObject([{ status: 'done', stop_reason: 'time_limit' }]);
          lasts(short.id, since, 7.5);
          expect((await showCapture(served, long.id)).status).toBe('running');
          await stopCapture(served, long.id);
          await captureBecomes(served, long.id, ['success'], limit_ms);
          lasts(long.id, since, 7.5);
        }
        // What was kept is kept, whatever day the clock shows.
        expect(await downloadFile(served, kept.id)).toEqual(file);
      }
    },
    limit_ms * (rounds + 1),
  );
});
