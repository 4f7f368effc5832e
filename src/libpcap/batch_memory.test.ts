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
const batch = 64;
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

  /** A whole batch, once it is there. */
  function appendBatch(memory: BatchMemory): number {
    replayFrames(pair.far, frames);
    waiter.wait(handle.descriptor, 1000);
    return memory.append();
  }

  test('takes a batch that fills it to the last byte', () => {
    const memory = new BatchMemory(handle, { fill_bytes: 0, snaplen_bytes: frame_bytes });
    for (let round = 0; round < 3; round += 1) {
      expect(appendBatch(memory)).toBe(batch);
      expect(memory.length).toBe(batch * (16 + frame_bytes));
      const records = memory.bytes(0, memory.length);
      for (const [index, frame] of frames.entries()) {
        const at = index * (16 + frame_bytes) + 16;
        expect(records.subarray(at, at + frame_bytes)).toEqual(frame);
      }
      memory.rewind();
      expect(memory.append()).toBe(0);
    }
    memory.close();
    memory.close();
    expect(() => memory.append()).toThrow('closed');
  });

  test('says when it could not hold a batch, and can be filled anew', () => {
    const memory = new BatchMemory(handle, { fill_bytes: 0, snaplen_bytes: frame_bytes - 1 });
    expect(appendBatch(memory)).toBe(-2);
    memory.rewind();
    replayFrames(pair.far, frames.slice(0, 5));
    waiter.wait(handle.descriptor, 1000);
    expect([memory.append(), memory.length]).toEqual([5, 5 * (16 + frame_bytes)]);
    expect(memory.bytes(16, 16 + frame_bytes)).toEqual(frames[0]);
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
