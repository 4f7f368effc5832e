import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { numberedFrames } from '../fixtures/numbered_frames.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { parsePcap } from '../support/packet_samples.ts';
import { replayFrames } from '../support/replay_frames.ts';
import { type Served, startServe } from '../support/serve.ts';
import {
  captureBecomes,
  createCapture,
  deliveredFile,
  downloadFile,
  provedFileBucket,
} from '../support/take_captures.ts';

let pair: NamespacePair;
let served: Served | undefined;
beforeAll(async () => {
  pair = await createNamespacePair();
});
afterEach(async () => {
  await served?.remove();
  served = undefined;
});
afterAll(async () => await pair?.remove());

test.each(['control', 'sensor', 'constructor'])(
  'a sensor named %s captures and looks back as any other',
  async (name) => {
    served = await startServe({ interfaces: [pair.near.name], env: { EDGETAP_SENSOR: name } });
    const destination_conf = await provedFileBucket(served);
    const { id } = await createCapture(served, {
      type: 'full',
      colo_name: 'lab01',
      time_limit: 300,
      packet_limit: 20,
      destination_conf,
    });
    await captureBecomes(served, id, ['running']);
    replayFrames(pair.far, numberedFrames(20, 4001));
    const ended = await captureBecomes(served, id, ['success']);
    expect(ended['sensors']).toMatchObject([{ name, interface: pair.near.name, packets: 20 }]);
    expect(parsePcap(deliveredFile(destination_conf, id)).packets).toHaveLength(20);
    const { id: back } = await createCapture(served, { type: 'simple', time_limit: 300, packet_limit: 100 });
    await captureBecomes(served, back, ['success', 'complete']);
    expect(parsePcap(await downloadFile(served, back)).packets).toHaveLength(20);
  },
  240_000,
);
