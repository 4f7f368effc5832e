import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../../test/support/namespace_pair.ts';
import { openFrameSender, replayFrames } from '../../test/support/replay_frames.ts';
import { startTcpdump } from '../../test/support/tcpdump_peer.ts';
import type { SamplePacket } from '../../test/support/packet_samples.ts';
import { withoutRoot } from '../../test/support/without_root.ts';
import { createFilterCompiler } from '../libpcap/compiler_pool.ts';
import { endOf, pause, startEngine, startFlood, type TestEngine } from './test_engine.ts';
import { waitFor } from '../../test/support/wait_for.ts';
import type { PartEnd } from './part.ts';
import { areContiguous, numberedFrames, numberedLength, numberIn, round_frames } from './test_numbered_frames.ts';
import { mixedFrames } from './test_mixed_frames.ts';

/** The longest of the frames of different lengths. */
const longest = 1459;

/** What the engine has counted as lost is all that is missing: on a busy machine it may be some. */
function expectNoneMissing({ dropped }: PartEnd, packets: readonly SamplePacket[]): void {
  expect(dropped > 0n || areContiguous(packets.map(({ data }) => data))).toBe(true);
}

describe.skipIf(withoutRoot('capturing'))('the capture engine', () => {
  let pair: NamespacePair;
  let test_engine: TestEngine;
  let near: string;
  beforeAll(async () => {
    pair = await createNamespacePair({ mtu: 9000 });
    near = pair.near.name;
    // A ring holds all that a flood with an end sends, however long anybody is kept from reading it.
    test_engine = await startEngine({ ring_bytes: 64 << 20 });
  });
  afterAll(async () => {
    await test_engine.close();
    await pair.remove();
  });

  describe('captures exactly what tcpdump captures', () => {
    test('of everything', async () => {
      const peer = await startTcpdump({ ...pair.near, flags: ['-B', '65536'] });
      const part = await test_engine.arm(near);
      const frames = mixedFrames();
      replayFrames(pair.far, frames);
      const theirs = await peer.stop({ count: frames.length });
      part.stop('stopped');
      const { end, packets } = await endOf(part);
      expect(end).toMatchObject({ stop_reason: 'stopped', accepted: BigInt(frames.length), dropped: 0n, notes: [] });
      expect(packets.map(({ data }) => hex(data))).toEqual(frames.map(hex));
      expect(packets).toEqual(
        theirs.packets.map(({ time, original_bytes, bytes }) => ({ time, original: original_bytes, data: bytes })),
      );
    });

    test('with a filter, tagged or not', async () => {
      const compiler = createFilterCompiler();
      const filter = { expression_text: 'udp', any_tags_text: 'udp', own_tags_text: '' };
      const compiled = await compiler.compile({ filter, linktype: 1, live: true });
      await compiler.close();
      if (!compiled.ok || compiled.value.kind !== 'program') throw new Error('the filter does not compile');
      const spelledOut = 'udp or (vlan and (udp or (vlan and udp)))';
      const peer = await startTcpdump({ ...pair.near, flags: ['-B', '65536'], filter: spelledOut });
      const part = await test_engine.arm(near, { program: compiled.value.program });
      replayFrames(pair.far, mixedFrames());
      part.stop('stopped');
      const { packets } = await endOf(part);
      const theirs = await peer.stop({ count: packets.length });
      expect(packets.length).toBeGreaterThan(5);
      expect(packets.length).toBeLessThan(mixedFrames().length / 2);
      expect(packets.map(({ time, data }) => [time, hex(data)])).toEqual(
        theirs.packets.map(({ time, bytes }) => [time, hex(bytes)]),
      );
    });

    test('from the moment of arming on, to the packet, while it is flooded', async () => {
      const peer = await startTcpdump({ ...pair.near, flags: ['-B', '131072'] });
      const flood = await startFlood(pair, 0, 60 * round_frames);
      const parts = [];
      for (let count = 0; count < 4; count += 1) {
        parts.push(
          await test_engine.arm(near, { leave_out_earlier: true, ...(count > 1 ? { packet_limit: 1000 } : {}) }),
        );
      }
      const sent = await flood.stop();
      const theirs = await peer.stop({ count: sent });
      for (const [count, part] of parts.entries()) {
        part.stop('stopped');
        const { packets } = await endOf(part);
        const since = theirs.packets.filter(({ time }) => time >= part.armed_at);
        expect(packets.map(({ time, data }) => `${time} ${numberIn(data)}`)).toEqual(
          since.slice(0, count > 1 ? 1000 : undefined).map(({ time, bytes }) => `${time} ${numberIn(bytes)}`),
        );
      }
    });

    test('at the highest rate', async () => {
      const peer = await startTcpdump({ ...pair.near, flags: ['-B', '131072'] });
      const part = await test_engine.arm(near);
      const flood = await startFlood(pair, 0, 40 * round_frames);
      const sent = await flood.stop();
      const theirs = await peer.stop({ count: sent });
      part.stop('stopped');
      const { end, packets } = await endOf(part);
      expect([end.accepted, end.packets]).toEqual([BigInt(sent), BigInt(sent)]);
      expect(packets.map(({ time, data }) => `${time} ${numberIn(data)} ${data.length}`)).toEqual(
        theirs.packets.map(({ time, bytes }) => `${time} ${numberIn(bytes)} ${bytes.length}`),
      );
    });
  });

  describe('hits limits exactly under load', () => {
    test('of packets', async () => {
      const flood = await startFlood(pair, 100);
      for (const packet_limit of [1, 63, 64, 65, 10_000]) {
        const part = await test_engine.arm(near, { packet_limit });
        const { end, packets } = await endOf(part);
        expect([end.stop_reason, packets.length]).toEqual(['packet_limit', packet_limit]);
        expectNoneMissing(end, packets);
      }
      await flood.stop();
    });

    test('of bytes', async () => {
      const flood = await startFlood(pair, 0);
      for (const byte_limit of [59, 1500, 1_000_000, 1_234_567]) {
        const part = await test_engine.arm(near, { byte_limit });
        const { end, packets } = await endOf(part);
        expect(end.stop_reason).toBe('byte_limit');
        expectNoneMissing(end, packets);
        expect(Number(end.bytes)).toBeLessThanOrEqual(byte_limit);
        const last = packets.at(-1);
        // What was lost may have been the next one.
        const next = last === undefined ? 60 : numberedLength((numberIn(last.data) + 1) % round_frames);
        expect(Number(end.bytes) + (end.dropped === 0n ? next : longest)).toBeGreaterThan(byte_limit);
        expect(end.beyond_limit).toBeGreaterThan(0n);
      }
      await flood.stop();
    });

    test('of time: nothing from after it', async () => {
      const flood = await startFlood(pair, 100);
      const began = performance.now();
      const part = await test_engine.arm(near, { time_limit_ms: 300 });
      await part.ended;
      expect(performance.now() - began).toBeGreaterThanOrEqual(299);
      const { end, packets } = await endOf(part);
      expect([end.stop_reason, end.unread]).toEqual(['time_limit', 0n]);
      expectNoneMissing(end, packets);
      expect(packets.length).toBeGreaterThan(0);
      // What comes until 20 ms after it is in time; a clock may be moved by a part of a millisecond meanwhile.
      expect(Number((end.last_time ?? 0n) - part.armed_at) / 1e6).toBeLessThanOrEqual(300 + 20 + 1);
      await flood.stop();
    });
  });

  test('ends at a limit, though nothing more comes', async () => {
    const part = await test_engine.arm(near, { packet_limit: 5 });
    const byBytes = await test_engine.arm(near, { byte_limit: 500 });
    replayFrames(pair.far, numberedFrames(100).slice(0, 5));
    const ends = [await endOf(part), await endOf(byBytes)];
    expect(ends.map(({ end }) => [end.stop_reason, end.packets])).toEqual([
      ['packet_limit', 5n],
      ['byte_limit', 5n],
    ]);
  });

  test('captures one interface several times at once, none disturbed by another', async () => {
    const flood = await startFlood(pair, 100);
    const parts = [await test_engine.arm(near), await test_engine.arm(near, { packet_limit: 20_000 })];
    await pause(100);
    parts.push(
      await test_engine.arm(near, { snaplen_bytes: 40 }),
      await test_engine.arm(near, { byte_limit: 500_000 }),
    );
    await parts[3]?.ended;
    for (const part of parts) part.stop('stopped');
    const sent = await flood.stop();
    for (const [index, part] of parts.entries()) {
      const { end, packets } = await endOf(part);
      expectNoneMissing(end, packets);
      expect(packets.length).toBeLessThanOrEqual(sent);
      expect(new Set(packets.map(({ data, original }) => `${data.length} of ${original}`))).toEqual(
        new Set([index === 2 ? '40 of 100' : '100 of 100']),
      );
      if (index === 3) expect(end.bytes).toBe(500_000n);
    }
  });

  test('puts the packets of several processors in order', async () => {
    const floods = [await startFlood(pair, 100), await startFlood(pair, 200)];
    for (let isMixed = false; !isMixed; ) {
      const part = await test_engine.arm(near, { packet_limit: 100_000 });
      const { end, packets } = await endOf(part);
      // A processor that is kept from it for longer than packets are held back gives some too late: that is told.
      if (end.unordered || end.dropped > 0n) continue;
      isMixed = [100, 200].every((length) => {
        const own = packets.filter(({ data }) => data.length === length).map(({ data }) => data);
        expect(areContiguous(own)).toBe(true);
        return own.length > round_frames;
      });
    }
    for (const flood of floods) await flood.stop();
  });

  test('shows what is written while it captures, in whole records that stay', async () => {
    const part = await test_engine.arm(near);
    const sender = openFrameSender(pair.far);
    sender.send(numberedFrames(100).slice(0, 10));
    const written = { packets: 10n, bytes: 1000n, dropped: 0n, file_bytes: 24 + 10 * 116 };
    await expect.poll(() => part.progress()).toMatchObject(written);
    sender.close();
    part.stop('stopped');
    await endOf(part);
  });
});

describe.skipIf(withoutRoot('capturing'))('a ring that is too small', () => {
  test('loses packets, and every one is counted', async () => {
    const pair = await createNamespacePair();
    const small = await startEngine({ ring_bytes: 1 << 19 });
    const part = await small.arm(pair.near.name);
    const sender = openFrameSender(pair.far);
    // Sent in the way of this thread's own events, as many at a time as the ring can never hold.
    const prepared = sender.prepare(numberedFrames(1000));
    let sent = 0;
    for (let burst = 0; burst < 20; burst += 1) {
      sent += prepared.send(4);
      await pause(5);
    }
    sender.close();
    await waitFor(() => part.progress().dropped > 0n, { what: 'the loss to be told' });
    part.stop('stopped');
    const { end } = await endOf(part);
    expect([end.accepted, end.unread, end.notes]).toEqual([BigInt(sent), 0n, []]);
    expect(end.dropped).toBeGreaterThan(0n);
    expect(end.packets).toBeGreaterThan(0n);
    expect(end.interface_dropped).toBe(0n);
    await small.close();
    await pair.remove();
  });
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
