import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../../test/support/namespace_pair.ts';
import { type FrameSender, openFrameSender } from '../../test/support/replay_frames.ts';
import { waitFor } from '../../test/support/wait_for.ts';
import { withoutRoot } from '../../test/support/without_root.ts';
import type { Fault } from '../model/errors/fault.ts';
import { systemClock } from './clock.ts';
import type { SamplingStatus } from './interface_sampler.ts';
import { openSampleStore } from './open_sample_store.ts';
import type { SampleStore } from './sample_store.ts';
import { numberedFrame } from './test_frames.ts';
import { numbersIn, recent, settled } from './test_lookback.ts';

describe.skipIf(withoutRoot('a full disk'))('on a disk of 12 MiB that is full', () => {
  let pair: NamespacePair;
  let sender: FrameSender;
  let disk = '';
  let store: SampleStore;
  const faults: Fault[] = [];

  beforeEach(async () => {
    faults.length = 0;
    disk = mkdtempSync(join(tmpdir(), 'edgetap-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', disk]);
    pair = await createNamespacePair();
    sender = openFrameSender(pair.far);
    store = await openSampleStore({
      directory: join(disk, 'samples'),
      byte_budget: 1e9,
      segment_bytes: 1 << 20,
      clock: systemClock,
      report: (fault) => faults.push(fault),
    });
    await store.startSampling({ interface: pair.near.name });
  });
  afterEach(async () => {
    await store.close();
    sender.close();
    await pair.remove();
    execFileSync('umount', [disk]);
    rmdirSync(disk);
  });

  function sampling(): SamplingStatus {
    const status = store.status().interfaces[0]?.sampling;
    if (status === undefined) throw new Error('it is not being sampled');
    return status;
  }

  /** The kernel is asked for its counts five times a second. */
  async function wholeAccount(least: number): Promise<void> {
    await waitFor(
      () => {
        const { packets, accepted, dropped, lost } = sampling();
        return accepted >= BigInt(least) && accepted === packets + dropped + lost;
      },
      { what: 'every accepted packet is accounted for' },
    );
  }

  function send(first: number, count: number): void {
    sender.send(Array.from({ length: count }, (_, index) => numberedFrame(first + index, 160)));
  }

  test('the oldest segments go, and sampling goes on without a loss', async () => {
    const [round, rounds] = [4000, 40];
    for (let number = 0; number < rounds; number++) {
      send(number * round, round);
      await systemClock.sleep(20);
    }
    await wholeAccount(round * rounds);
    const answer = await settled(store);
    const { dropped, lost } = sampling();
    // The files are 28 MB together: most of them had to go.
    expect(store.status().bytes).toBeLessThan(12 << 20);
    expect(faults.map(({ name }) => name)).toContain('samples_disk_full');
    expect(faults.filter(({ name }) => name !== 'samples_disk_full')).toEqual([]);
    expect(numbersIn(answer).at(-1)).toBe(round * rounds - 1);
    const missing =
      BigInt(numbersIn(answer).at(-1) ?? 0) - BigInt(numbersIn(answer)[0] ?? 0) + 1n - BigInt(answer.packets);
    expect(missing).toBeLessThanOrEqual(dropped + lost);
    expect(answer.coverage[0]?.dropped).toBe(dropped + lost);
  });

  test('by others: what cannot be kept is counted and said, and it goes on when there is room', async () => {
    send(0, 100);
    expect(numbersIn(await settled(store)).length).toBe(100);
    const ballast = join(disk, 'ballast');
    // Writes until there is no room at all.
    expect(() => writeFileSync(ballast, Buffer.alloc(13 << 20))).toThrow('ENOSPC');
    send(100, 20_000);
    await waitFor(() => sampling().lost > 0n, { what: 'packets are lost' });
    const full = await settled(store);
    expect(full.coverage[0]?.dropped).toBeGreaterThan(0n);
    rmSync(ballast);
    await waitFor(
      async () => {
        send(50_000, 1);
        return numbersIn(await settled(store, recent({ packet_limit: 1 })))[0] === 50_000;
      },
      { what: 'it goes on' },
    );
    await wholeAccount(20_101);
    const { dropped, lost } = sampling();
    await store.close();
    const again = await openSampleStore({
      directory: join(disk, 'samples'),
      byte_budget: 1e9,
      clock: systemClock,
      report: (fault) => faults.push(fault),
    });
    store = again;
    const answer = await again.query(recent());
    expect(numbersIn(answer).slice(0, 100)).toEqual(Array.from({ length: 100 }, (_, index) => index));
    expect(numbersIn(answer).at(-1)).toBe(50_000);
    expect(answer.coverage[0]?.dropped).toBe(dropped + lost);
  });
});
