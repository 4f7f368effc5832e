import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { applyEvents } from '../../src/control/captures/apply_event.ts';
import type { Database } from '../../src/db/database.ts';
import { openDatabase } from '../../src/db/open_database.ts';
import { upsertSensor } from '../../src/db/sensors.ts';
import { databasePath } from '../../src/main/operator_command.ts';
import { machineTimes } from '../../src/plan/machine_times.ts';
import { wireVersion } from '../../src/wire/version.ts';
import { sensorsOf } from '../end_to_end/shown_sensors.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { type NumberedTraffic, startNumberedTraffic } from '../support/numbered_traffic.ts';
import { parsePcap } from '../support/packet_samples.ts';
import { type Served, startServe } from '../support/serve.ts';
import {
  captureBecomes,
  createCapture,
  deliveredFile,
  provedFileBucket,
  showCapture,
  stopCapture,
} from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';

const limit_ms = 240_000;

let pair: NamespacePair;
let traffic: NumberedTraffic;
let served: Served;
let db: Database;

beforeAll(async () => {
  pair = await createNamespacePair();
  traffic = startNumberedTraffic(pair.far, { frames_per_s: 200, frame_bytes: 300, first: 0 });
  served = await startServe({ interfaces: [pair.near.name] });
  db = await openDatabase({ url: `sqlite:${databasePath(served.data_dir)}` });
}, limit_ms);
afterAll(async () => {
  await db?.close();
  await served?.remove();
  traffic?.stop();
  await pair?.remove();
});

/** A second sensor of the site, heard of just now and never again. */
async function addSensor(name: string): Promise<void> {
  await db.transaction(
    async (tx) =>
      await upsertSensor(tx, {
        name,
        colo: 'lab01',
        epoch: 'e1',
        version: wireVersion,
        last_heard: await tx.now(),
        interfaces: [{ name: 'eth0', index: 2, up: true, linktype: 1 }],
        samples: [],
        spool_used_bytes: 0n,
        spool_limit_bytes: 10_000_000_000n,
      }),
  );
}

/** The last word that was heard of that sensor: it captures. */
async function arms(id: string, sensor: string): Promise<void> {
  await db.transaction(async (tx) => {
    const at = await tx.now();
    const news = { sensor, interface: 'eth0', epoch: 'e1', sequence: 1, phase: 'armed', armed_at: at } as const;
    await applyEvents(tx, id, [{ kind: 'report', at, news: { ...news, packets: 1n, bytes: 60n } }], machineTimes);
  });
}

describe('of two sensors one is dead', () => {
  test(
    'what the other has is delivered 60 s after the stop, however long the capture was to take',
    async () => {
      const destination_conf = await provedFileBucket(served);
      await addSensor('s2');
      const body = { type: 'full', time_limit: 86_400, colo_name: 'lab01', destination_conf };
      const { id } = await createCapture(served, body);
      const running = async (): Promise<boolean> =>
        sensorsOf(await showCapture(served, id)).some(({ name, status }) => name === 's1' && status === 'running');
      await waitFor(running, { what: 's1 to capture' });
      await arms(id, 's2');
      const first = traffic.next();
      await waitFor(() => traffic.next() > first + 100, { what: 'some frames' });
      const stopped = performance.now();
      await stopCapture(served, id);
      const done = await captureBecomes(served, id, ['complete'], limit_ms);
      const waited_s = (performance.now() - stopped) / 1000;
      expect(waited_s).toBeGreaterThan(machineTimes.conversion_wait_s - 1);
      expect(done['error_message']).toContain('s2/eth0: its part did not arrive within 60 s');
      expect(sensorsOf(done).map(({ name, status }) => [name, status])).toEqual([
        ['s1', 'done'],
        ['s2', 'no_answer'],
      ]);
      expect(parsePcap(deliveredFile(destination_conf, id)).packets.length).toBeGreaterThanOrEqual(100);
    },
    limit_ms,
  );
});
