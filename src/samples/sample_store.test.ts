import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../../test/support/namespace_pair.ts';
import { quietLink } from '../../test/support/quiet_link.ts';
import { type FrameSender, openFrameSender, replayFrames } from '../../test/support/replay_frames.ts';
import { startTcpdump } from '../../test/support/tcpdump_peer.ts';
import { testLinkName } from '../../test/support/test_link_name.ts';
import { createTunDevice } from '../../test/support/tun_device.ts';
import { waitFor } from '../../test/support/wait_for.ts';
import { withoutRoot } from '../../test/support/without_root.ts';
import type { Fault } from '../model/errors/fault.ts';
import { systemClock } from './clock.ts';
import type { LookbackAnswer, LookbackQuery } from './lookback.ts';
import { openSampleStore } from './open_sample_store.ts';
import type { SampleStore, SampleStoreOptions } from './sample_store.ts';
import { numberedFrame, numberOf } from './test_frames.ts';
import { packetsOf, type TestPacket } from './test_packets.ts';
import { takeAll } from './test_programs.ts';

const second = 1_000_000_000n;

/** The last half minute, up to now: the clock of `now` is cut to milliseconds. */
function recent(more: Partial<LookbackQuery> = {}): LookbackQuery {
  const to = systemClock.now() + 1_000_000n;
  return { programs: takeAll, from: to - 30n * second, to, packet_limit: 10_000, ...more };
}

function packets(answer: LookbackAnswer): TestPacket[] {
  return answer.chunks.flatMap(({ records }) => packetsOf(records));
}

const numbers = (answer: LookbackAnswer): number[] => packets(answer).map(({ bytes }) => numberOf(bytes));

/** Asks until the answer covers all of the window up to now. */
async function settled(store: SampleStore, query: LookbackQuery = recent()): Promise<LookbackAnswer> {
  return waitFor(
    async () => {
      const answer = await store.query(query);
      const late = answer.coverage.some(({ gaps }) => gaps.some(({ reason }) => reason === 'not_visible_yet'));
      return late ? undefined : answer;
    },
    { what: 'the watermark has passed the window' },
  );
}

describe.skipIf(withoutRoot('sampling'))('a sample store at work', { timeout: 60_000 }, () => {
  let pair: NamespacePair;
  let sender: FrameSender;
  const opened: { readonly store: SampleStore; readonly directory: string }[] = [];

  beforeAll(async () => {
    pair = await createNamespacePair();
    sender = openFrameSender(pair.far);
  });
  afterEach(async () => {
    for (const { store, directory } of opened.splice(0)) {
      await store.close();
      rmSync(directory, { recursive: true, force: true });
    }
  });
  afterAll(async () => {
    sender.close();
    await pair.remove();
  });

  const faults: Fault[] = [];
  async function openStore(more: Partial<SampleStoreOptions> = {}): Promise<{ store: SampleStore; directory: string }> {
    faults.length = 0;
    const directory = more.directory ?? mkdtempSync(join(tmpdir(), 'edgetap-samples-'));
    const report = (fault: Fault): void => void faults.push(fault);
    const store = await openSampleStore({ byte_budget: 1e9, clock: systemClock, report, ...more, directory });
    opened.push({ store, directory });
    return { store, directory };
  }

  test('a packet is found within a second of its arrival, and an answer without a gap has it', async () => {
    const { store } = await openStore();
    await store.startSampling({ interface: pair.near.name });
    for (let number = 1; number <= 8; number++) {
      const begun = performance.now();
      sender.send([numberedFrame(number)]);
      const window = recent();
      let answer = await store.query(window);
      const late = answer.coverage[0]?.gaps.some(({ reason }) => reason === 'not_visible_yet');
      if (late === false) expect(numbers(answer)).toContain(number);
      while (!numbers(answer).includes(number)) answer = await store.query(window);
      expect(performance.now() - begun).toBeLessThan(1000);
    }
    expect(numbers(await settled(store))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
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
    expect(packets(await settled(store))).toEqual(wanted);
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
    await store.startSampling({ interface: pair.near.name });
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
    expect(numbers(answer)).toEqual(Array.from({ length: 10_000 }, (_, index) => total - 10_000 + index));
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
    const { store: again } = await openStore({ directory });
    await again.startSampling({ interface: pair.near.name });
    sender.send([numberedFrame(3)]);
    const answer = await settled(again);
    expect(numbers(answer)).toEqual([1, 3]);
    expect(answer.coverage[0]?.gaps.map(({ reason }) => reason)).toEqual(['not_sampled', 'shutdown']);
    expect(faults).toEqual([]);
    expect(again.linktypes()).toEqual([1]);
  });

  test('an interface that is taken away and comes back is sampled again', async () => {
    const name = testLinkName();
    const ip = (...args: string[]): unknown => execFileSync('ip', args);
    const { store } = await openStore();
    const phase = (): string | undefined =>
      store.status().interfaces.find((one) => one.interface === name)?.sampling?.phase;
    await store.startSampling({ interface: name });
    expect(phase()).toBe('interrupted');
    expect(faults.map((fault) => fault.name)).toEqual(['sampling_interrupted']);
    // It never was there: the answer says that it knows nothing of it.
    const before = recent();
    expect((await store.query(before)).coverage).toMatchObject([
      { interface: name, gaps: [{ from: before.from, to: before.to, reason: 'not_sampled' }], packets: 0 },
    ]);
    try {
      for (const round of [1, 2]) {
        ip('link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}b`);
        for (const end of [name, `${name}b`]) {
          quietLink(end);
          ip('link', 'set', end, 'arp', 'off', 'up');
        }
        await waitFor(() => phase() === 'sampling', { what: 'it is sampled' });
        replayFrames({ name: `${name}b` }, [numberedFrame(round)]);
        await settled(store);
        ip('link', 'del', name);
        await waitFor(() => faults.length === round + 1, { what: 'it is missed' });
        expect(phase()).toBe('interrupted');
      }
      const answer = await store.query(recent());
      expect(numbers(answer)).toEqual([1, 2]);
      const reasons = answer.coverage.find((one) => one.interface === name)?.gaps.map(({ reason }) => reason);
      expect(reasons).toEqual(['not_sampled', 'interface_away', 'interface_away']);
      expect(faults.map((fault) => fault.name)).toEqual(Array.from({ length: 3 }, () => 'sampling_interrupted'));
      expect(store.status().interfaces[0]?.sampling).toMatchObject({
        packets: 2n,
        fault: { name: 'sampling_interrupted' },
      });
    } finally {
      execFileSync('sh', ['-c', `ip link del ${name} 2>/dev/null || true`]);
    }
  });

  test('an interface that goes down and up is sampled on', async () => {
    const { store } = await openStore();
    await store.startSampling({ interface: pair.near.name });
    sender.send([numberedFrame(1)]);
    await settled(store);
    execFileSync('ip', ['link', 'set', pair.near.name, 'down']);
    await systemClock.sleep(300);
    execFileSync('ip', ['link', 'set', pair.near.name, 'up']);
    await waitFor(
      async () => {
        sender.send([numberedFrame(2)]);
        return numbers(await settled(store)).includes(2);
      },
      { what: 'a packet comes after it', every_ms: 50 },
    );
    expect(numbers(await settled(store))[0]).toBe(1);
  });

  test('loopback packets are kept once, raw IP as raw IP', async () => {
    const tun = await createTunDevice();
    try {
      const { store } = await openStore();
      await store.startSampling({ interface: 'lo' });
      await store.startSampling({ interface: tun.name });
      await expect(store.startSampling({ interface: 'lo' })).rejects.toMatchObject({
        faults: [{ name: 'sampling_twice' }],
      });
      const ip = numberedFrame(77, 90).subarray(14);
      tun.write(ip);
      replayFrames({ name: 'lo' }, [numberedFrame(0xfeed_beef)]);
      const answer = await settled(store);
      expect(store.linktypes()).toEqual([1, 101]);
      const raw = answer.chunks.filter((chunk) => chunk.interface === tun.name);
      expect(raw.map(({ linktype }) => linktype)).toEqual([101]);
      expect(raw.flatMap(({ records }) => packetsOf(records)).map(({ bytes }) => bytes)).toEqual([ip]);
      const ours = answer.chunks
        .filter((chunk) => chunk.interface === 'lo')
        .flatMap(({ records }) => packetsOf(records))
        .filter(({ bytes }) => bytes.length >= 46 && numberOf(bytes) === 0xfeed_beef);
      expect(ours.length).toBe(1);
      const one = await store.query(
        recent({ programs: new Map([...takeAll].filter(([linktype]) => linktype === 101)) }),
      );
      expect(one.coverage.map((of) => [of.interface, of.excluded])).toEqual([
        [tun.name, false],
        ['lo', true],
      ]);
    } finally {
      tun.close();
    }
  });

  test('the byte budget holds while packets come, the oldest go first', async () => {
    const byte_budget = 1 << 20;
    const { store } = await openStore({ byte_budget });
    await store.startSampling({ interface: pair.near.name });
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
    const left = numbers(answer);
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
    expect(readdirSync('/proc/self/fd').length).toBe(descriptors);
  });

  test.each([0, 10_001, 1.5])('a limit of %d packets is refused', async (packet_limit) => {
    const { store } = await openStore();
    await expect(store.query(recent({ packet_limit }))).rejects.toThrow(RangeError);
  });
});
