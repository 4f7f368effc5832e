import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../../test/support/namespace_pair.ts';
import { replayFrames } from '../../test/support/replay_frames.ts';
import { withoutRoot } from '../../test/support/without_root.ts';
import { BatchMemory } from './batch_memory.ts';
import { loadLibpcap } from './binding.ts';
import type { LiveHandle } from './live_handle.ts';
import { openLive } from './open_live.ts';
import type { FilePointer } from './pointer.ts';
import { accept, encodeInstructions } from './program.ts';
import { Waiter } from './waiter.ts';

const frame_bytes = 100;
const batch = 128;
/** Of the first call: nothing is known yet of how long packets are. */
const first_batch = 64;
const frames = Array.from({ length: batch }, (_, index) => {
  const frame = new Uint8Array(frame_bytes).fill(0xee);
  frame.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb6, index]);
  return frame;
});

describe.skipIf(withoutRoot('capturing'))('memory for batches', () => {
  let pair: NamespacePair;
  let handle: LiveHandle;
  let waiter: Waiter;
  beforeAll(async () => {
    pair = await createNamespacePair();
    waiter = new Waiter();
    const of = { name: pair.near.name, ifindex: pair.near.ifindex };
    const options = { snaplen_bytes: 262_144, ring_bytes: 4 << 20, block_timeout_ms: 20, promiscuous: true };
    handle = openLive({ interface: of, ...options });
    handle.attachFilter(encodeInstructions([accept(262_144)]));
    handle.start();
  });
  afterAll(async () => {
    handle.close();
    waiter.close();
    await pair.remove();
  });

  /** Sends `sent` and moves all of it: what each call returned, up to the first that moved nothing or failed. */
  function appendAll(memory: BatchMemory, sent: readonly Uint8Array[]): number[] {
    replayFrames(pair.far, sent);
    waiter.wait(handle.descriptor, 1000);
    const counts: number[] = [];
    do counts.push(memory.append());
    while ((counts.at(-1) ?? 0) > 0);
    return counts;
  }

  test('takes a batch that fills it to the last byte', () => {
    const memory = new BatchMemory(handle, { fill_bytes: 0, snaplen_bytes: frame_bytes });
    for (let round = 0; round < 3; round += 1) {
      expect(appendAll(memory, frames)).toEqual(round === 0 ? [first_batch, batch - first_batch, 0] : [batch, 0]);
      expect(memory.length).toBe(batch * (16 + frame_bytes));
      const records = memory.bytes(0, memory.length);
      for (const [index, frame] of frames.entries()) {
        const at = index * (16 + frame_bytes) + 16;
        expect(records.subarray(at, at + frame_bytes)).toEqual(frame);
      }
      memory.rewind();
    }
    memory.close();
    memory.close();
    expect(() => memory.append()).toThrow('closed');
  });

  test('says when it could not hold a batch, and can be filled anew', () => {
    const memory = new BatchMemory(handle, { fill_bytes: 0, snaplen_bytes: frame_bytes - 1 });
    expect(appendAll(memory, frames)).toEqual([first_batch, -2]);
    memory.rewind();
    expect(appendAll(memory, frames.slice(0, 5))).toEqual([5, 0]);
    expect(memory.length).toBe(5 * (16 + frame_bytes));
    expect(memory.bytes(16, 16 + frame_bytes)).toEqual(frames[0]);
    memory.close();
  });

  test('takes fewer at a time while packets are long', () => {
    const long = frames.map((frame) => Buffer.concat([frame, Buffer.alloc(900)]));
    const memory = new BatchMemory(handle, { fill_bytes: 0, snaplen_bytes: 2 * long.length * 1000 });
    expect(appendAll(memory, frames)).toEqual([first_batch, batch - first_batch, 0]);
    expect(appendAll(memory, long)).toEqual([batch, 0]);
    expect(appendAll(memory, long)).toEqual([first_batch, batch - first_batch, 0]);
    expect(appendAll(memory, frames)).toEqual([first_batch, batch - first_batch, 0]);
    memory.close();
  });

  test('leaves no stream behind where libpcap makes no dumper', () => {
    const native = loadLibpcap();
    const closed: FilePointer[] = [];
    const fclose = (file: FilePointer): number => {
      closed.push(file);
      return native.libc.fclose(file);
    };
    const failing = {
      ...native,
      libc: { ...native.libc, fclose },
      pcap: { ...native.pcap, pcap_dump_fopen: () => null },
    };
    const make = (): BatchMemory => new BatchMemory(handle, { fill_bytes: 0, snaplen_bytes: 0 }, failing);
    expect(make).toThrow(/^pcap_dump_fopen failed/);
    expect(closed).toHaveLength(1);
  });
});
