import { execFileSync } from 'node:child_process';
import { describe, expect, onTestFinished, test } from 'vitest';
import { quietLink } from '../../test/support/quiet_link.ts';
import { replayFrames } from '../../test/support/replay_frames.ts';
import { testLinkName } from '../../test/support/test_link_name.ts';
import { waitFor } from '../../test/support/wait_for.ts';
import { withoutRoot } from '../../test/support/without_root.ts';
import type { SampleStore } from './sample_store.ts';
import { numberedFrame } from './test_frames.ts';
import { numbersIn, recent, settled, testStores } from './test_lookback.ts';

const openStore = testStores();
const ip = (...args: readonly string[]): void => void execFileSync('ip', args);

/** Makes a cable between two interfaces of this host, on which nothing is that a test does not send. */
function makeLink(name: string, peer: string): void {
  ip('link', 'add', name, 'type', 'veth', 'peer', 'name', peer);
  for (const end of [name, peer]) {
    quietLink(end);
    ip('link', 'set', end, 'arp', 'off', 'up');
    onTestFinished(() => void execFileSync('sh', ['-c', `ip link del ${end} 2>/dev/null || true`]));
  }
}

/** Renames an interface; newer kernels do that while it is up. */
function rename(from: string, to: string, way: 'down' | 'live'): void {
  if (way === 'down') ip('link', 'set', from, 'down');
  execFileSync('sh', [
    '-c',
    `ip link set ${from} name ${to} || { ip link set ${from} down; ip link set ${from} name ${to}; }`,
  ]);
  ip('link', 'set', to, 'up');
  onTestFinished(() => void execFileSync('sh', ['-c', `ip link del ${to} 2>/dev/null || true`]));
}

const isSampled = (store: SampleStore, name: string): boolean =>
  store.status().interfaces.some((one) => one.interface === name && one.sampling?.phase === 'sampling');

/** Sends frames with these numbers until the last of them is found under the name; gives all that are. */
async function untilFound(store: SampleStore, name: string, peer: string, number: number): Promise<readonly number[]> {
  return await waitFor(
    async () => {
      replayFrames({ name: peer }, [numberedFrame(number)]);
      await settled(store);
      const found = numbersIn(await store.query(recent({ interface: name })));
      return found.includes(number) ? found : undefined;
    },
    { what: `frame ${number} to be found on ${name}`, every_ms: 50 },
  );
}

describe.skipIf(withoutRoot('sampling'))('an interface is a name and a device', () => {
  test.each(['down', 'live'] as const)(
    'whose name goes to another device (%s): a look-back has the packets of each from when it had the name',
    async (way) => {
      const name = testLinkName();
      makeLink(name, `${name}b`);
      const { store, faults } = await openStore();
      await store.startSampling({ interface: name });
      expect(await untilFound(store, name, `${name}b`, 1)).toEqual(expect.arrayContaining([1]));
      rename(name, `${name}x`, way);
      makeLink(name, `${name}c`);
      // The old device's packets have nothing to do with the name any more.
      replayFrames({ name: `${name}b` }, [numberedFrame(1000)]);
      const found = await untilFound(store, name, `${name}c`, 2);
      expect(found).not.toContain(1000);
      replayFrames({ name: `${name}b` }, [numberedFrame(1001)]);
      await settled(store);
      const answer = await store.query(recent({ interface: name }));
      expect(new Set(numbersIn(answer))).toEqual(new Set([1, 2]));
      const gaps = answer.coverage.flatMap((one) => one.gaps);
      expect(gaps.map(({ reason }) => reason)).toContain('interface_renamed');
      expect(faults.map((fault) => fault.message).join()).toContain(`${name}x`);
    },
  );

  test('that is renamed, and no other comes: the answer says from when on there are no samples of the name', async () => {
    const name = testLinkName();
    makeLink(name, `${name}b`);
    const { store } = await openStore();
    await store.startSampling({ interface: name });
    await untilFound(store, name, `${name}b`, 1);
    rename(name, `${name}x`, 'live');
    replayFrames({ name: `${name}b` }, [numberedFrame(1000)]);
    await waitFor(() => !isSampled(store, name), { what: 'it is missed' });
    const answer = await store.query(recent({ interface: name }));
    expect(new Set(numbersIn(answer))).toEqual(new Set([1]));
    expect(answer.coverage.flatMap(({ gaps }) => gaps.map(({ reason }) => reason))).toContain('interface_renamed');
    // It comes back under its name.
    rename(`${name}x`, name, 'down');
    await untilFound(store, name, `${name}b`, 2);
  });

  test('that is made anew under its name is sampled again', async () => {
    const name = testLinkName();
    makeLink(name, `${name}b`);
    const { store } = await openStore();
    await store.startSampling({ interface: name });
    await untilFound(store, name, `${name}b`, 1);
    ip('link', 'del', name);
    makeLink(name, `${name}b`);
    await untilFound(store, name, `${name}b`, 2);
    const answer = await store.query(recent({ interface: name }));
    expect(new Set(numbersIn(answer))).toEqual(new Set([1, 2]));
    expect(answer.coverage.flatMap(({ gaps }) => gaps.map(({ reason }) => reason))).toContain('interface_away');
  });
});
