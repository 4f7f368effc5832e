import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FaultError } from '../model/errors/fault.ts';
import { createNamespacePair, type NamespacePair } from '../../test/support/namespace_pair.ts';
import { type FrameSender, openFrameSender } from '../../test/support/replay_frames.ts';
import { startTcpdump } from '../../test/support/tcpdump_peer.ts';
import { withoutRoot } from '../../test/support/without_root.ts';
import { systemClock } from './clock.ts';
import { numberedFrame } from './test_frames.ts';
import { isLate, numbersIn, packetsIn, recent, settled, testStores } from './test_lookback.ts';

const openStore = testStores();

describe.skipIf(withoutRoot('sampling'))('a sample store at work', () => {
  let pair: NamespacePair;
  let sender: FrameSender;

  beforeAll(async () => {
    pair = await createNamespacePair();
    sender = openFrameSender(pair.far);
  });
  afterAll(async () => {
    sender.close();
    await pair.remove();
  });

  test('a packet is found by who asks until it is there, and an answer without a gap has it', async () => {
    const { store } = await openStore();
    await store.startSampling({ interface: pair.near.name });
    for (let number = 1; number <= 8; number++) {
      sender.send([numberedFrame(number)]);
      const window = recent();
      let answer = await store.query(window);
      if (!isLate(answer)) expect(numbersIn(answer)).toContain(number);
      while (!numbersIn(answer).includes(number)) answer = await store.query(window);
    }
    expect(numbersIn(await settled(store))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test('it keeps what tcpdump sees, the first 160 bytes of each, tagged frames too', async () => {
    const peer = await startTcpdump({ name: pair.near.name });
    const { store } = await openStore();
    await store.startSampling({ interface: pair.near.name });
    const tagged = numberedFrame(7, 400);
    tagged.copyWithin(18, 12);
    tagged.set([0x81, 0x00, 0x20, 0x64], 12);
    const lengths = [46, 159, 160, 161, 1514];
    const frames = [...lengths.map((length, index) => numberedFrame(index, length)), tagged];
    sender.send(frames);
    const seen = await peer.stop({ count: frames.length });
    const wanted = seen.packets.map(({ time, original_bytes, bytes }) => ({
      time,
      original: original_bytes,
      bytes: bytes.slice(0, 160),
    }));
    expect(packetsIn(await settled(store))).toEqual(wanted);
    expect(wanted.map(({ original }) => original)).toEqual([...lengths, 400]);
  });

  test('1 in 16 keeps 1 in 16, and the answer says so', async () => {
    const [sent, rate] = [200_000, 16];
    const deviation = Math.sqrt((sent / rate) * (1 - 1 / rate));
    const frames = sender.prepare(Array.from({ length: 1000 }, (_, index) => numberedFrame(index)));
    const misses: number[] = [];
    // Three runs in a thousand are out of three standard deviations by chance: two in a row are not.
    for (let attempt = 0; attempt < 2 && misses.length === attempt; attempt++) {
      const { store } = await openStore();
      await store.startSampling({ interface: pair.near.name, rate });
      frames.send(sent / 1000);
      const { coverage } = await settled(store);
      const status = store.status().interfaces[0]?.sampling;
      expect(status).toMatchObject({ rate, dropped: 0n, lost: 0n });
      expect(status?.accepted).toBe(status?.packets);
      expect(coverage[0]?.rates.map((span) => span.rate)).toEqual([rate]);
      const miss = (Number(status?.packets) - sent / rate) / deviation;
      if (Math.abs(miss) > 3) misses.push(miss);
    }
    expect(misses.length).toBeLessThan(2);
  });

  test('sampling goes on while look-backs run, at most so many at a time', async () => {
    const { store } = await openStore({ lookback_limit: 2, segment_bytes: 1 << 20 });
    // It holds all that is sent, however long the sampler is kept from it.
    await store.startSampling({ interface: pair.near.name, ring_bytes: 64 << 20 });
    const batch = 2000;
    const total = 30 * batch;
    let [sent, answered, refused] = [0, 0, 0];
    const asking = new Set<Promise<void>>();
    const ask = (): void => {
      const asked = store
        .query(recent({ packet_limit: 100 }))
        .then(() => void answered++)
        .catch((error: unknown) => {
          expect(error).toMatchObject({ faults: [{ name: 'lookback_busy' }] });
          refused++;
        })
        .finally(() => asking.delete(asked));
      asking.add(asked);
    };
    while (sent < total) {
      for (let index = 0; index < 3; index++) ask();
      sender.send(Array.from({ length: batch }, (_, index) => numberedFrame(sent + index)));
      sent += batch;
      await systemClock.sleep(10);
    }
    while (asking.size > 0) await Promise.all(asking);
    expect(answered).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
    const answer = await settled(store);
    expect(store.status().interfaces[0]?.sampling).toMatchObject({ packets: BigInt(total), dropped: 0n, lost: 0n });
    expect(answer.coverage[0]).toMatchObject({ dropped: 0n });
    // Only the time before sampling began is not covered.
    expect(answer.coverage[0]?.gaps.length).toBe(1);
    expect(answer.truncated).toBe(true);
    expect(numbersIn(answer)).toEqual(Array.from({ length: 10_000 }, (_, index) => total - 10_000 + index));
  });

  test('owners wait for their turn, and none is refused because of another', async () => {
    const { store } = await openStore({ lookback_limit: 2 });
    await store.startSampling({ interface: pair.near.name });
    const from = (owner: string): Promise<unknown> =>
      store
        // It waits for packets that are still to come.
        .query({ ...recent({ packet_limit: 1 }), to: systemClock.now() + 300_000_000_000n, owner })
        .then(() => 'answered')
        .catch((error: unknown) => (error instanceof FaultError ? error.faults[0].name : error));
    const ended: string[] = [];
    const of_a = [1, 2, 3].map(async (number) => {
      const how = await from('a');
      ended.push(`a${number}`);
      return how;
    });
    const of_b = [1, 2].map(async (number) => {
      const how = await from('b');
      ended.push(`b${number}`);
      return how;
    });
    // One of each at once, one that waits, and one too many of the one that asked three times.
    expect(await Promise.all([...of_a, ...of_b])).toEqual([
      'answered',
      'answered',
      'lookback_busy',
      'answered',
      'answered',
    ]);
    expect([ended[0], ended.slice(1, 3).toSorted(), ended.slice(3).toSorted()]).toEqual([
      'a3',
      ['a1', 'b1'],
      ['a2', 'b2'],
    ]);
  });

  test('sealed segments are files that tcpdump and capinfos read without complaint', async () => {
    const { store, directory } = await openStore({ segment_bytes: 1 << 16 });
    await store.startSampling({ interface: pair.near.name });
    const total = 5000;
    for (let sent = 0; sent < total; sent += 500) {
      sender.send(Array.from({ length: 500 }, (_, index) => numberedFrame(sent + index)));
      await systemClock.sleep(60);
    }
    await settled(store);
    await store.close();
    const folder = join(directory, `${pair.near.name}@1`);
    const files = readdirSync(folder).filter((name) => name.endsWith('.pcap'));
    expect(files.length).toBeGreaterThan(4);
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
    let count = 0;
    for (const file of files) {
      const path = join(folder, file);
      const lines = execFileSync('tcpdump', ['-nr', path], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
      const counted = lines.split('\n').length - 1;
      const info = execFileSync('capinfos', ['-Tcrm', path], { encoding: 'utf8' });
      expect(info.trim().split(',').at(-1)?.replaceAll('"', '')).toBe(String(counted));
      count += counted;
    }
    expect(count).toBe(total);
  });

  test('what was sampled is there after the store was closed and opened again, and the time between is a gap', async () => {
    const { store, directory } = await openStore();
    await store.startSampling({ interface: pair.near.name });
    sender.send([numberedFrame(1)]);
    await settled(store);
    await store.close();
    await expect(store.query(recent())).rejects.toMatchObject({ faults: [{ name: 'samples_closed' }] });
    await expect(store.startSampling({ interface: pair.near.name })).rejects.toMatchObject({
      faults: [{ name: 'samples_closed' }],
    });
    sender.send([numberedFrame(2)]);
    const { store: again, faults } = await openStore({ directory });
    await again.startSampling({ interface: pair.near.name });
    sender.send([numberedFrame(3)]);
    const answer = await settled(again);
    expect(numbersIn(answer)).toEqual([1, 3]);
    expect(answer.coverage[0]?.gaps.map(({ reason }) => reason)).toEqual(['not_sampled', 'shutdown']);
    expect(faults).toEqual([]);
    expect(again.linktypes()).toEqual([1]);
  });

  test('the byte budget holds while packets come, the oldest go first', async () => {
    const byte_budget = 1 << 20;
    const { store } = await openStore({ byte_budget });
    await store.startSampling({ interface: pair.near.name, ring_bytes: 64 << 20 });
    const total = 30_000;
    let most = 0;
    for (let sent = 0; sent < total; sent += 1000) {
      sender.send(Array.from({ length: 1000 }, (_, index) => numberedFrame(sent + index)));
      await systemClock.sleep(20);
      await store.evict();
      most = Math.max(most, store.status().bytes);
    }
    const answer = await settled(store);
    await store.evict();
    expect(store.status().bytes).toBeLessThanOrEqual(byte_budget);
    expect(most).toBeGreaterThan(byte_budget / 2);
    const left = numbersIn(answer);
    expect(left.at(-1)).toBe(total - 1);
    expect(left).toEqual(Array.from({ length: left.length }, (_, index) => total - left.length + index));
    expect(left.length).toBeLessThan(total);
    expect(answer.coverage[0]?.gaps[0]?.reason).toBe('not_sampled');
  });

  test('a look-back that nobody waits for ends, and leaves no file open', async () => {
    const { store } = await openStore();
    await store.startSampling({ interface: pair.near.name });
    sender.send([numberedFrame(1)]);
    await settled(store);
    const descriptors = readdirSync('/proc/self/fd').length;
    const aborted = new AbortController();
    const reason = new Error('the asker has gone');
    const query = store.query(recent({ signal: aborted.signal }));
    aborted.abort(reason);
    await expect(query).rejects.toBe(reason);
    await expect(store.query(recent({ signal: aborted.signal }))).rejects.toBe(reason);
    for (let round = 0; round < 5; round++) await store.query(recent());
    // Others, as of the store that the test before has closed, may have gone meanwhile.
    await expect.poll(() => readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(descriptors);
  });

  test.each([0, 10_001, 1.5])('a limit of %d packets is refused', async (packet_limit) => {
    const { store } = await openStore();
    await expect(store.query(recent({ packet_limit }))).rejects.toThrow(RangeError);
  });
});
