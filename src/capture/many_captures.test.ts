import { readdirSync, readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { expect, test } from 'vitest';
import { createNamespacePair } from '../../test/support/namespace_pair.ts';
import { waitFor } from '../../test/support/wait_for.ts';
import { withoutRoot } from '../../test/support/without_root.ts';
import { acceptAll, interfaceNamed, startEngine } from './test_engine.ts';
import { times } from '../../test/support/soak.ts';

const rounds = times(20);

function held(): { descriptors: number; threads: number } {
  const threads = /^Threads:\s+(\d+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
  return { descriptors: readdirSync('/proc/self/fd').length, threads: Number(threads) };
}

test.skipIf(withoutRoot('capturing'))('captures leave nothing behind, however they end', async () => {
  const pair = await createNamespacePair();
  const tested = await startEngine({ workers_max: 1, workers_warm: 1, ring_bytes: 1 << 20 });
  const near = pair.near.name;
  const refused = [
    { program: { linktype: 1, instructions: Uint8Array.of(0xff, 0xff, 0, 0, 0, 0, 0, 0) } },
    { program: acceptAll(101) },
    { interface: { ...interfaceNamed(near), name: 'et-nowhere', ifindex: 999_999 } },
  ];
  const round = async (): Promise<void> => {
    const capture_id = 'f'.repeat(32);
    for (const wrong of refused) await expect(tested.arm(near, { capture_id, ...wrong })).rejects.toThrow();
    const part = await tested.arm(near, { capture_id });
    await expect(tested.arm(near, { capture_id })).rejects.toThrow();
    part.stop('stopped');
    await part.ended;
    await expect(tested.arm(near, { capture_id })).rejects.toThrow('EEXIST');
    await tested.spool.remove(capture_id, near);
  };
  await round();
  await waitFor(() => tested.engine.rings === 0, { what: 'the rings to be gone' });
  const before = held();
  for (let count = 0; count < rounds; count += 1) await round();
  // The kernel takes the last rings back in its own time.
  const isAsBefore = (): boolean => isDeepStrictEqual(held(), before);
  await waitFor(isAsBefore, { what: 'nothing more to be held than before' }).catch(() =>
    expect(held()).toEqual(before),
  );
  expect(tested.spool.budget.used_bytes).toBe(0);
  await tested.close();
  await pair.remove();
});
