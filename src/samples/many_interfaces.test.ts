import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../../test/support/namespace_pair.ts';
import { replayFrames } from '../../test/support/replay_frames.ts';
import { waitFor } from '../../test/support/wait_for.ts';
import { withoutRoot } from '../../test/support/without_root.ts';
import { numberedFrame } from './test_frames.ts';
import { numbersIn, settled, testStores } from './test_lookback.ts';

const openStore = testStores();
const interfaces = 24;

/** The names of this process's threads that sample (proc(5)). */
function status(): { readonly threads: number; readonly rss_bytes: number } {
  const text = readFileSync('/proc/self/status', 'latin1');
  const of = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(text)?.[1]);
  return { threads: of('Threads'), rss_bytes: of('VmRSS') * 1024 };
}

describe.skipIf(withoutRoot('sampling'))('many interfaces', () => {
  const pairs: NamespacePair[] = [];
  beforeAll(async () => {
    for (let count = 0; count < interfaces; count += 1) pairs.push(await createNamespacePair());
  });
  afterAll(async () => {
    for (const pair of pairs) await pair.remove();
  });

  test('are sampled by few threads and within the memory that is given for it', async () => {
    const memory_bytes = 48 << 20;
    const { store } = await openStore({ memory_bytes });
    const before = status();
    const among = pairs.map(({ near }) => near.name);
    await Promise.all(among.map(async (name) => await store.startSampling({ interface: name, among })));
    expect(store.status().interfaces.map((one) => one.sampling?.phase)).toEqual(among.map(() => 'sampling'));
    const after = status();
    expect(after.threads - before.threads).toBeLessThanOrEqual(4);
    // Rings, and what threads and files take: with a thread and a ring of 28 MiB for each it was 1.5 GB.
    expect(after.rss_bytes - before.rss_bytes).toBeLessThan(memory_bytes + 4 * (50 << 20) + interfaces * (1 << 20));
    for (const [index, { far }] of pairs.entries())
      replayFrames(far, [numberedFrame(index), numberedFrame(100 + index)]);
    const answer = await settled(store);
    for (const [index, name] of among.entries()) {
      const chunks = answer.chunks.filter((chunk) => chunk.interface === name);
      expect(numbersIn({ ...answer, chunks })).toEqual([index, 100 + index]);
    }
    expect(answer.coverage.every(({ dropped }) => dropped === 0n)).toBe(true);
  });

  test('beyond the memory are refused with what to do, and taken when another one is given up', async () => {
    const { store } = await openStore({ memory_bytes: 4 << 20 });
    const names = pairs.map(({ near }) => near.name);
    const refused: string[] = [];
    for (const name of names) {
      await store.startSampling({ interface: name }).catch((error: unknown) => {
        expect(error).toMatchObject({ faults: [{ name: 'sampling_memory_exhausted' }] });
        refused.push(name);
      });
    }
    const [first = ''] = names;
    const [last = ''] = refused.slice(-1);
    expect(refused.length).toBeLessThan(names.length);
    await store.stopSampling(first);
    await store.startSampling({ interface: last });
    await waitFor(
      () => store.status().interfaces.some((one) => one.interface === last && one.sampling?.phase === 'sampling'),
      {
        what: 'it is sampled',
      },
    );
  });
});
