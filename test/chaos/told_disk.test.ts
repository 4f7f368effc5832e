import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { createFailingDisk, type FailingDisk } from '../support/failing_disk.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { type NumberedTraffic, startNumberedTraffic } from '../support/numbered_traffic.ts';
import { type Served, startServe } from '../support/serve.ts';
import { captureBecomes, createCapture } from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';
import { withoutRoot } from '../support/without_root.ts';

let served: Served | undefined;
let pair: NamespacePair | undefined;
let disk: FailingDisk | undefined;
let traffic: NumberedTraffic | undefined;
afterEach(async () => {
  traffic?.stop();
  await served?.remove();
  disk?.remove();
  await pair?.remove();
  [served, pair, disk, traffic] = [undefined, undefined, undefined, undefined];
});

describe.skipIf(withoutRoot('a failing device'))('samples on a disk that fails', () => {
  test('look-backs and readyz say so, with the file', async () => {
    pair = await createNamespacePair();
    const { name } = pair.near;
    disk = createFailingDisk(64 << 20);
    const data_dir = mkdtempSync(join(tmpdir(), 'edgetap-disk-'));
    const samples = join(data_dir, 'sensor', 'samples');
    const mounted = join(disk.directory, 'samples');
    for (const directory of [samples, mounted]) mkdirSync(directory, { recursive: true });
    const at = await startServe({
      interfaces: [name],
      data_dir,
      via: ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" "$1" && shift && exec "$@"', mounted, samples],
    });
    served = at;
    traffic = startNumberedTraffic(pair.far, { frames_per_s: 500, frame_bytes: 1000, first: 0 });
    const look = async (): Promise<string> => {
      const { id } = await createCapture(at, { type: 'simple', time_limit: 1, packet_limit: 10 });
      const shown = await captureBecomes(at, id);
      expect(String(shown['error_message'])).not.toMatch(/its log has|request id/);
      return shown.status === 'success' ? '' : String(shown['error_message']);
    };
    await waitFor(async () => (await look()) === '', { what: 'samples' });
    disk.failReads();
    const told = new RegExp(`s1/${name}: .*Writing samples failed: .*error.*/samples/${name}@1/`);
    await waitFor(async () => told.test(await look()), { what: 'a look-back to name the file' });
    await waitFor(async () => told.test(await (await fetch(`${at.url}/readyz`)).text()), {
      what: 'readyz to name the file',
    });
  });
});
