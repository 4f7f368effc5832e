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
import type { LookbackAnswer } from './lookback.ts';
import { openSampleStore } from './open_sample_store.ts';
import type { SampleStore } from './sample_store.ts';
import { numberedFrame, numberOf } from './test_frames.ts';
import { packetsOf } from './test_packets.ts';
import { takeAll } from './test_programs.ts';

describe.skipIf(withoutRoot('a full disk'))('on a disk of 12 MiB that is full', { timeout: 60_000 }, () => {
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

  function send(first: number, count: number): void {
    sender.send(Array.from({ length: count }, (_, index) => numberedFrame(first + index, 160)));
  }

  /** The answer for all up to now, once it is visible. */
  function newest(packet_limit = 10_000): Promise<LookbackAnswer> {
    const to = systemClock.now() + 1_000_000n;
    return waitFor(
      async () => {
        const answer = await store.query({ programs: takeAll, from: to - 30_000_000_000n, to, packet_limit });
        const late = answer.coverage[0]?.gaps.some(({ reason }) => reason === 'not_visible_yet');
        return late === false && answer;
      },
      { what: 'the watermark passes' },
    );
  }

  const numbers = (answer: LookbackAnswer): number[] =>
    answer.chunks.flatMap(({ records }) => packetsOf(records)).map(({ bytes }) => numberOf(bytes));

  test('the oldest segments go, and sampling goes on without a loss', async () => {
    const [round, rounds] = [4000, 40];
    for (let number = 0; number < rounds; number++) {
      send(number * round, round);
      await systemClock.sleep(20);
    }
    const answer = await newest();
    const { packets, accepted, dropped, lost } = sampling();
    expect(accepted).toBe(BigInt(round * rounds));
    expect(packets + dropped + lost).toBe(accepted);
    // The files are 28 MB together: most of them had to go.
    expect(store.status().bytes).toBeLessThan(12 << 20);
    expect(faults.map(({ name }) => name)).toContain('samples_disk_full');
    expect(faults.filter(({ name }) => name !== 'samples_disk_full')).toEqual([]);
    expect(numbers(answer).at(-1)).toBe(round * rounds - 1);
    const missing = BigInt(numbers(answer).at(-1) ?? 0) - BigInt(numbers(answer)[0] ?? 0) + 1n - BigInt(answer.packets);
    expect(missing).toBeLessThanOrEqual(dropped + lost);
    expect(answer.coverage[0]?.dropped).toBe(dropped + lost);
  });

  test('by others: what cannot be kept is counted and said, and it goes on when there is room', async () => {
    send(0, 100);
    expect(numbers(await newest()).length).toBe(100);
    const ballast = join(disk, 'ballast');
    // Writes until there is no room at all.
    expect(() => writeFileSync(ballast, Buffer.alloc(13 << 20))).toThrow('ENOSPC');
    send(100, 20_000);
    await waitFor(() => sampling().lost > 0n, { what: 'packets are lost' });
    const full = await newest();
    expect(full.coverage[0]?.dropped).toBeGreaterThan(0n);
    rmSync(ballast);
    await waitFor(
      async () => {
        send(50_000, 1);
        return numbers(await newest(1))[0] === 50_000;
      },
      { what: 'it goes on' },
    );
    // The kernel is asked for its counts five times a second.
    await waitFor(
      () => {
        const { packets, accepted, dropped, lost } = sampling();
        return accepted >= 20_101n && accepted === packets + dropped + lost;
      },
      { what: 'the account is whole' },
    );
    const { dropped, lost } = sampling();
    await store.close();
    const again = await openSampleStore({
      directory: join(disk, 'samples'),
      byte_budget: 1e9,
      clock: systemClock,
      report: (fault) => faults.push(fault),
    });
    store = again;
    const to = systemClock.now();
    const answer = await again.query({ programs: takeAll, from: to - 60_000_000_000n, to, packet_limit: 10_000 });
    expect(numbers(answer).slice(0, 100)).toEqual(Array.from({ length: 100 }, (_, index) => index));
    expect(numbers(answer).at(-1)).toBe(50_000);
    expect(answer.coverage[0]?.dropped).toBe(dropped + lost);
  });
});
