import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { numberedFrame } from '../src/samples/test_frames.ts';
import { allArmed } from '../test/end_to_end/shown_sensors.ts';
import { atFixedPlace, fixed_data_dir } from '../test/support/at_fixed_place.ts';
import { createNamespacePair } from '../test/support/namespace_pair.ts';
import { readPackets } from '../test/support/read_packets.ts';
import { replayFrames } from '../test/support/replay_frames.ts';
import { startServe } from '../test/support/serve.ts';
import {
  captureBecomes,
  createCapture,
  downloadFile,
  provedFileBucket,
  stopCapture,
} from '../test/support/take_captures.ts';
import { waitFor } from '../test/support/wait_for.ts';

// Makes a small data directory with the edgetap of another working tree; see test/fixtures/data_directories/README.md.
const [root, archive] = process.argv.slice(2);
if (root === undefined || archive === undefined) throw new Error('node tools/make_data_directory.ts TREE ARCHIVE');

const data_dir = mkdtempSync(join(tmpdir(), 'edgetap-fixture-'));
const pair = await createNamespacePair();
const send = (count: number): void =>
  void replayFrames(
    pair.far,
    Array.from({ length: count }, (_, index) => numberedFrame(index, 100)),
  );
const served = await startServe({
  interfaces: [pair.near.name],
  data_dir,
  tree: { root: resolve(root) },
  via: atFixedPlace(data_dir),
  env: { EDGETAP_DATA_DIR: fixed_data_dir },
});
try {
  const proved = await provedFileBucket(served, 'captures', undefined, join(fixed_data_dir, 'buckets'));
  send(20);
  const lookBack = async (): Promise<Buffer> => {
    const { id } = await createCapture(served, { type: 'simple', time_limit: 300, packet_limit: 100 });
    await captureBecomes(served, id, ['success', 'complete']);
    return await downloadFile(served, id);
  };
  await waitFor(async () => readPackets([await lookBack()]).packets.length === 20, { what: 'the samples are there' });
  const { id } = await createCapture(served, {
    type: 'full',
    time_limit: 60,
    colo_name: 'lab01',
    destination_conf: proved,
  });
  await allArmed(served, id);
  send(7);
  await stopCapture(served, id);
  await captureBecomes(served, id, ['success']);
  const code = await served.stop();
  if (code !== 0) throw new Error(`it ended with ${code}`);
  const left_out = ['*.lock', '*.pid'].map((name) => `--exclude=${name}`);
  execFileSync('tar', ['--sort=name', '--owner=0', '--group=0', ...left_out, '-cJf', archive, '-C', data_dir, '.']);
} finally {
  await served.remove();
  await pair.remove();
}
