import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { type NamespacePair, createNamespacePair } from './namespace_pair.ts';
import { openFrameSender, replayFrames } from './replay_frames.ts';
import { startTcpdump } from './tcpdump_peer.ts';

/** A frame of an EtherType for experiments, numbered, so that a missing or swapped one shows. */
function frame(length: number, number: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(number & 0xff);
  bytes.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb6].slice(0, length));
  return bytes;
}

let pair: NamespacePair;
beforeAll(async () => {
  pair = await createNamespacePair({ mtu: 9000 });
});
afterAll(() => pair.remove());

describe('what arrives is what was sent', () => {
  test.each(['from another namespace', 'from this namespace'] as const)('%s', async (where) => {
    const [sender, receiver] = where === 'from this namespace' ? [pair.near, pair.far] : [pair.far, pair.near];
    const peer = await startTcpdump({ ...receiver, flags: ['-Q', 'in'] });
    const lengths = [14, 15, 42, 59, 60, 61, 1500, 1514, 1518, 9014];
    const frames = lengths.map(frame);
    // A tag, two tags, an 802.3 length, and a truncated IPv4 header.
    frames.push(Uint8Array.of(...frame(12, 1), 0x81, 0, 0, 7, 8, 0, 0x45, ...frame(50, 3).subarray(14)));
    frames.push(Uint8Array.of(...frame(12, 1), 0x88, 0xa8, 0, 7, 0x81, 0, 0, 9, 0x86, 0xdd, 0x60, ...frame(60, 4)));
    frames.push(Uint8Array.of(...frame(12, 1), 0, 3, 0x42, 0x42, 3, ...frame(60, 5)));
    frames.push(Uint8Array.of(...frame(12, 1), 8, 0, 0x4f, 0));
    expect(replayFrames(sender, frames)).toBe(frames.length);
    const { packets } = await peer.stop({ count: frames.length });
    expect(packets.map(({ bytes }) => Buffer.from(bytes).toString('hex'))).toEqual(
      frames.map((bytes) => Buffer.from(bytes).toString('hex')),
    );
  });

  test('many batches arrive in order', async () => {
    const peer = await startTcpdump({ ...pair.near, flags: ['-Q', 'in', '-B', '65536'] });
    const sender = openFrameSender(pair.far);
    const frames = Array.from({ length: 1000 }, (_, index) => frame(60 + (index % 200), index));
    expect(sender.prepare(frames).send(3)).toBe(3000);
    sender.close();
    const { packets, linktype } = await peer.stop({ count: 3000 });
    expect(linktype).toBe(1);
    expect(packets.map(({ bytes }) => [bytes.length, bytes[20]])).toEqual(
      [...frames, ...frames, ...frames].map((bytes) => [bytes.length, bytes[20]]),
    );
  });
});

test('what the kernel refuses is thrown with the number of the frame', () => {
  expect(() => replayFrames(pair.far, [frame(60, 0), frame(13, 1)])).toThrow(/frame 1 \(13 bytes\).*EINVAL/);
  expect(() => replayFrames(pair.far, [frame(9100, 0)])).toThrow(/frame 0 \(9100 bytes\).*EMSGSIZE/);
  expect(() => replayFrames({ name: 'et-nowhere' }, [])).toThrow(/et-nowhere.*ENODEV/);
  expect(replayFrames(pair.far, [])).toBe(0);
});
