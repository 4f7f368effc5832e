import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';

import { buildPcap } from '../../test/support/packet_samples.ts';
import { mergeFiles } from './merge_files.ts';

test('memory does not grow with the files', async () => {
  const record = { time: 1_700_000_000_000_000_000n, original: 1000, data: new Uint8Array(1000) };
  const [head, records] = [buildPcap([]), buildPcap(Array.from({ length: 500 }, () => record)).subarray(24)];
  const pieceCount = 300;
  async function* lazy(): AsyncGenerator<Uint8Array> {
    yield head;
    for (let piece = 0; piece < pieceCount; piece++) yield records;
  }
  let [bytes, most, chunks] = [0, 0, 0];
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for await (const chunk of mergeFiles([{ chunks: lazy() }, { chunks: lazy() }], {
    format: 'pcapng',
    application: 'edgetap 1.2.3',
  })) {
    bytes += chunk.length;
    chunks += 1;
    if (chunks % 20 > 0) continue;
    collect();
    most = Math.max(most, process.memoryUsage().arrayBuffers);
  }
  expect(bytes).toBeGreaterThan(2 * pieceCount * 500 * 1032);
  // This process does nothing else, so these are the merge's buffers. 300 MB went through them.
  expect(most).toBeLessThan(bytes / 8);
  expect(most).toBeGreaterThan(records.length);
});
