import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../../test/support/namespace_pair.ts';
import { quietLink } from '../../test/support/quiet_link.ts';
import { type FrameSender, openFrameSender, replayFrames } from '../../test/support/replay_frames.ts';
import { testLinkName } from '../../test/support/test_link_name.ts';
import { createTunDevice } from '../../test/support/tun_device.ts';
import { waitFor } from '../../test/support/wait_for.ts';
import { withoutRoot } from '../../test/support/without_root.ts';
import { systemClock } from './clock.ts';
import { numberedFrame, numberOf } from './test_frames.ts';
import { numbersIn, packetsIn, recent, settled, testStores } from './test_lookback.ts';
import { packetsOf } from './test_packets.ts';
import { takeAll } from './test_programs.ts';

const openStore = testStores();

describe.skipIf(withoutRoot('sampling'))('the interfaces of a sample store', () => {
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

  test('an interface that is taken away and comes back is sampled again', async () => {
    const name = testLinkName();
    const ip = (...args: string[]): unknown => execFileSync('ip', args);
    const { store, faults } = await openStore();
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
      expect(numbersIn(answer)).toEqual([1, 2]);
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
        return numbersIn(await settled(store)).includes(2);
      },
      { what: 'a packet comes after it', every_ms: 50 },
    );
    expect(numbersIn(await settled(store))[0]).toBe(1);
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
      // Everybody shares this loopback.
      const marker = 0xfe00_0000 + process.pid;
      const ip = numberedFrame(77, 90).subarray(14);
      tun.write(ip);
      replayFrames({ name: 'lo' }, [numberedFrame(marker)]);
      const answer = await settled(store);
      expect(store.linktypes()).toEqual([1, 101]);
      const raw = answer.chunks.filter((chunk) => chunk.interface === tun.name);
      expect(raw.map(({ linktype }) => linktype)).toEqual([101]);
      expect(raw.flatMap(({ records }) => packetsOf(records)).map(({ bytes }) => bytes)).toEqual([ip]);
      const ours = answer.chunks
        .filter((chunk) => chunk.interface === 'lo')
        .flatMap(({ records }) => packetsOf(records))
        .filter(({ bytes }) => bytes.length >= 46 && numberOf(bytes) === marker);
      expect(ours.length).toBe(1);
      const one = await store.query(
        recent({ programs: new Map([...takeAll].filter(([linktype]) => linktype === 101)) }),
      );
      expect(one.coverage.map((of) => [of.interface, of.excluded])).toEqual([
        [tun.name, false],
        ['lo', true],
      ]);
      // One interface by itself, in whatever state the others are.
      const alone = await store.query(recent({ interface: tun.name }));
      expect(alone.coverage.map((of) => of.interface)).toEqual([tun.name]);
      expect(packetsIn(alone).map(({ bytes }) => bytes)).toEqual([ip]);
      const nothing = await store.query(recent({ interface: 'nowhere' }));
      expect([nothing.coverage, nothing.chunks]).toEqual([[], []]);
    } finally {
      tun.close();
    }
  });

  test('without the right to capture, sampling is refused with what to do, not tried for ever', async () => {
    const { directory } = await openStore();
    const code = `
      import { openSampleStore } from '${new URL('./open_sample_store.ts', import.meta.url).href}';
      import { systemClock } from '${new URL('./clock.ts', import.meta.url).href}';
      const report = () => undefined;
      const store = await openSampleStore({ directory: '${directory}/other', byte_budget: 1e9, clock: systemClock, report });
      try {
        await store.startSampling({ interface: 'lo' });
      } catch (error) {
        console.log(JSON.stringify([error.faults[0].name, store.status().interfaces.length]));
      }
      await store.close();
    `;
    const dropped = ['--bounding-set=-net_raw,-net_admin', '--inh-caps=-net_raw,-net_admin'];
    const child = [...dropped, process.execPath, '--input-type=module', '-e', code];
    const said = execFileSync('setpriv', child, { encoding: 'utf8', timeout: 100_000 });
    expect(JSON.parse(said)).toEqual(['capture_denied', 0]);
  });
});
