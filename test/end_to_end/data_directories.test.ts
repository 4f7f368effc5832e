import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { numberedFrame } from '../../src/samples/test_frames.ts';
import { atFixedPlace, fixed_data_dir } from '../support/at_fixed_place.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { readPackets } from '../support/read_packets.ts';
import { replayFrames } from '../support/replay_frames.ts';
import { startServe } from '../support/serve.ts';
import {
  captureBecomes,
  createCapture,
  downloadFile,
  type ShownCapture,
  showCapture,
  stopCapture,
} from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';
import { allArmed } from './shown_sensors.ts';

const archives = join(import.meta.dirname, '../fixtures/data_directories');
const versions = readdirSync(archives).filter((name) => name.endsWith('.tar.xz'));
let pair: NamespacePair;

beforeAll(async () => {
  pair = await createNamespacePair();
});
afterAll(async () => {
  await pair?.remove();
});

test.each(versions)('the data directory %s of an earlier version starts and works', async (version) => {
  const data_dir = mkdtempSync(join(tmpdir(), 'edgetap-earlier-'));
  execFileSync('tar', ['-xJf', join(archives, version), '-C', data_dir]);
  const served = await startServe({
    interfaces: [pair.near.name],
    data_dir,
    via: atFixedPlace(data_dir),
    env: { EDGETAP_DATA_DIR: fixed_data_dir, EDGETAP_KEEP_DAYS: '3650' },
  });
  try {
    // Its token, and its captures.
    const listed = (await served.call('GET', '/pcaps')).body.result as unknown as readonly ShownCapture[];
    const [full] = listed.filter(({ type }) => type === 'full');
    const looks = listed.filter(({ type }) => type === 'simple');
    expect(full).toMatchObject({ status: 'success', packets_captured: 7 });
    if (full === undefined) throw new Error('there is no full capture');
    expect(await downloadFile(served, full.id)).toEqual(
      readFileSync(join(data_dir, `buckets/captures/pcap_${full.id}.pcap`)),
    );
    // Its results.
    const packets = await Promise.all(
      looks.map(async ({ id }) => readPackets([await downloadFile(served, id)]).packets.length),
    );
    expect(Math.max(...packets)).toBe(20);
    // Its bucket is proved and takes captures.
    const { body } = await served.call('GET', '/pcaps/ownership');
    const destination_conf = `file://${fixed_data_dir}/buckets/captures`;
    expect(body.result).toMatchObject([{ destination_conf, status: 'success' }]);
    const asked = { type: 'full', time_limit: 60, colo_name: 'lab01', destination_conf };
    const { id } = await createCapture(served, asked);
    await allArmed(served, id);
    replayFrames(
      pair.far,
      Array.from({ length: 3 }, (_, index) => numberedFrame(index, 300)),
    );
    await stopCapture(served, id);
    expect(await captureBecomes(served, id, ['success'])).toMatchObject({ packets_captured: 3 });
    expect(await downloadFile(served, id)).toEqual(readFileSync(join(data_dir, `buckets/captures/pcap_${id}.pcap`)));
    // Its samples are gone once they are a day old; new ones are longer.
    await waitFor(
      async () => {
        const ask = { type: 'simple', time_limit: 300, packet_limit: 100, filter_expression: 'greater 200' };
        const look = await createCapture(served, ask);
        await captureBecomes(served, look.id, ['success', 'complete']);
        return readPackets([await downloadFile(served, look.id)]).packets.length === 3;
      },
      { what: 'the new samples' },
    );
    expect(await showCapture(served, full.id)).toEqual(full);
    expect(served.output()).not.toMatch(/damaged/);
  } finally {
    await served.remove();
  }
});
