import { afterAll, beforeAll, expect, test } from 'vitest';
import { numberedFrame } from '../../src/samples/test_frames.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { opensEverywhere } from '../support/opens_everywhere.ts';
import { scratchFolder } from '../support/packet_tools.ts';
import { readPackets } from '../support/read_packets.ts';
import { replayFrames } from '../support/replay_frames.ts';
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
import { allArmed } from './shown_sensors.ts';

const scratch = scratchFolder();
let pairs: readonly NamespacePair[];
let served: Served;
let bucket: string;

beforeAll(async () => {
  pairs = [await createNamespacePair(), await createNamespacePair()];
  served = await startServe({ interfaces: pairs.map(({ near }) => near.name) });
  bucket = await provedFileBucket(served);
});
afterAll(async () => {
  await served?.remove();
  for (const pair of pairs ?? []) await pair.remove();
});

/** On each cable. */
function send(count: number): void {
  for (const { far } of pairs)
    replayFrames(
      far,
      Array.from({ length: count }, (_, index) => numberedFrame(index, 400)),
    );
}

/** Takes a capture, and gives its file. */
async function take(ask: Readonly<Record<string, unknown>>, during = (): void => undefined): Promise<Buffer> {
  const { id } = await createCapture(served, ask);
  if (ask['type'] === 'simple') {
    await captureBecomes(served, id);
    return await downloadFile(served, id);
  }
  await allArmed(served, id);
  during();
  await stopCapture(served, id);
  await captureBecomes(served, id);
  return deliveredFile(bucket, id, String(ask['format']));
}

test.each(['pcap', 'pcapng'])('every %s that is delivered opens in the programs of the field', async (format) => {
  const simple = { type: 'simple', time_limit: 300, packet_limit: 100, format };
  const full = { type: 'full', time_limit: 3600, colo_name: 'lab01', destination_conf: bucket, format };
  const nothing = { filter_expression: 'udp port 9' };
  send(20);
  await waitFor(async () => readPackets([await take(simple)]).packets.length >= 40, {
    what: 'the samples are there',
  });
  const files: readonly (readonly [string, Buffer, number])[] = [
    ['look-back', await take(simple), 1],
    ['look-back of nothing', await take({ ...simple, ...nothing }), 0],
    ['full', await take(full, () => send(5)), 10],
    ['full of nothing', await take({ ...full, ...nothing }), 0],
    ['past and future', await take({ ...full, lookback: 300 }, () => send(5)), 50],
    ['past and future of nothing', await take({ ...full, ...nothing, lookback: 300 }), 0],
  ];
  for (const [name, file, least] of files) {
    const { packets, error } = readPackets([file]);
    expect([name, error]).toEqual([name, undefined]);
    expect(packets.length).toBeGreaterThanOrEqual(least);
    opensEverywhere(scratch, scratch(`${name}.${format}`, file), packets.length);
  }
});
