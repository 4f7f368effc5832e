import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../../test/support/namespace_pair.ts';
import { replayFrames } from '../../test/support/replay_frames.ts';
import { waitFor } from '../../test/support/wait_for.ts';
import { withoutRoot } from '../../test/support/without_root.ts';
import { endOf, startEngine, startFlood } from './test_engine.ts';
import { numberedFrames, numberIn } from './test_numbered_frames.ts';

const interfaces = 26;
const captures = 10;

function threads(): number {
  return Number(/^Threads:\s+(\d+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]);
}

describe.skipIf(withoutRoot('capturing'))('many rings', () => {
  const pairs: NamespacePair[] = [];
  beforeAll(async () => {
    for (let count = 0; count < interfaces; count += 1) pairs.push(await createNamespacePair());
  });
  afterAll(async () => {
    for (const pair of pairs) await pair.remove();
  });

  test('of more interfaces than there are threads are read, each into its own file', async () => {
    const tested = await startEngine({ workers_max: 3, workers_warm: 1 });
    const before = threads();
    const parts = await Promise.all(pairs.map((pair) => tested.arm(pair.near.name, { snaplen_bytes: 9000 })));
    expect(threads() - before).toBeLessThanOrEqual(2);
    const frames = numberedFrames(200).slice(0, interfaces + 5);
    for (const [index, pair] of pairs.entries()) replayFrames(pair.far, frames.slice(index, index + 5));
    for (const part of parts) await waitFor(() => part.progress().packets >= 5n, { what: 'its packets are written' });
    for (const part of parts) part.stop('stopped');
    for (const [index, part] of parts.entries()) {
      const { end, packets } = await endOf(part);
      expect([end.stop_reason, end.accepted, end.packets]).toEqual(['stopped', 5n, 5n]);
      expect(packets.map(({ data }) => numberIn(data))).toEqual(frames.slice(index, index + 5).map(numberIn));
    }
    await tested.close();
  });

  test('of ten captures on five interfaces at one time are read, whichever ends first', async () => {
    const tested = await startEngine({ workers_max: 2, workers_warm: 1 });
    const five = pairs.slice(0, 5);
    const all = await Promise.all(
      Array.from({ length: captures }, () => Promise.all(five.map(({ near }) => tested.arm(near.name)))),
    );
    for (const [count, parts] of all.entries()) {
      for (const pair of five) replayFrames(pair.far, numberedFrames(100).slice(0, 3));
      for (const part of parts) {
        const wanted = BigInt(3 * (count + 1));
        await waitFor(() => part.progress().packets >= wanted, { what: 'all that came is written' });
        part.stop('stopped');
        expect((await endOf(part)).end).toMatchObject({ packets: wanted, dropped: 0n, unread: 0n });
      }
    }
    await tested.close();
  });

  test('a busy one does not keep the others of its thread waiting', async () => {
    const tested = await startEngine({ workers_max: 1, workers_warm: 1 });
    const [busy, quiet] = pairs;
    if (busy === undefined || quiet === undefined) throw new Error('there are no interfaces');
    const flooded = await tested.arm(busy.near.name, { snaplen_bytes: 100 });
    const flood = await startFlood(busy, 100);
    await waitFor(() => flooded.progress().packets > 1000n, { what: 'it is busy' });
    const other = await tested.arm(quiet.near.name);
    replayFrames(quiet.far, numberedFrames(100).slice(0, 4));
    await waitFor(() => other.progress().packets === 4n, { what: 'the quiet one is read' });
    other.stop('stopped');
    expect((await endOf(other)).end).toMatchObject({ packets: 4n, dropped: 0n });
    const third = await tested.arm(quiet.near.name, { time_limit_ms: 200 });
    expect((await endOf(third)).end.stop_reason).toBe('time_limit');
    const sent = BigInt(await flood.stop());
    await waitFor(() => flooded.progress().packets + flooded.progress().dropped >= sent, { what: 'all is counted' });
    flooded.stop('stopped');
    const { end } = await endOf(flooded);
    expect(end.accepted).toBe(sent);
    await tested.close();
  });

  test('one that cannot be opened, armed or written leaves the others of its thread alone', async () => {
    const tested = await startEngine({ workers_max: 1, workers_warm: 1 });
    const [one, other] = pairs;
    if (one === undefined || other === undefined) throw new Error('there are no interfaces');
    const part = await tested.arm(one.near.name);
    const refused = { linktype: 1, instructions: Uint8Array.of(0xff, 0xff, 0, 0, 0, 0, 0, 0) };
    await expect(tested.arm(other.near.name, { program: refused })).rejects.toThrow();
    const nowhere = { name: 'et-nowhere', ifindex: 999_999, arphrd: 1, up: true, loopback: false };
    await expect(tested.arm(other.near.name, { interface: nowhere })).rejects.toThrow();
    tested.engine.open({ ...nowhere, name: other.near.name, ifindex: other.near.ifindex }, 1000).giveUp();
    replayFrames(one.far, numberedFrames(100).slice(0, 6));
    await waitFor(() => part.progress().packets === 6n, { what: 'it goes on' });
    part.stop('stopped');
    expect((await endOf(part)).end).toMatchObject({ packets: 6n, unread: 0n });
    await tested.close();
  });
});
