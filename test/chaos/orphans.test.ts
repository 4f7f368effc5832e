import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type BlockedLoop, blockedLoop } from '../support/blocked_loop.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { descendants, isAlive } from '../support/process_tree.ts';
import { type Served, startServe } from '../support/serve.ts';
import { captureBecomes, createCapture, provedFileBucket } from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';

let pair: NamespacePair;
let loop: BlockedLoop;
let served: Served;
beforeAll(async () => {
  pair = await createNamespacePair();
  loop = blockedLoop();
});
afterAll(async () => {
  await pair?.remove();
  loop?.remove();
});
afterEach(async () => {
  await served?.remove();
});

async function start(): Promise<Served> {
  served = await startServe({ interfaces: [pair.near.name], env: loop.env });
  return served;
}

describe('a child whose event loop stands still', () => {
  test.each(['control', 'sensor'] as const)('%s: does not outlive a supervisor that is killed', async (name) => {
    await start();
    const children = descendants(served.process.pid ?? 0);
    const blocked = served.pidOf(name);
    await loop.block(blocked);
    expect(children).toContain(blocked);
    served.process.kill('SIGKILL');
    await once(served.process, 'exit');
    await waitFor(() => !children.some(isAlive), { what: 'all children to be gone' });
  });

  test.each(['control', 'sensor'] as const)('%s: ends on SIGTERM, and another takes its place', async (name) => {
    await start();
    const pid = served.pidOf(name);
    await loop.block(pid);
    process.kill(pid, 'SIGTERM');
    await waitFor(() => !isAlive(pid), { what: 'it to be gone' });
    await waitFor(() => served.pidOf(name) !== pid, { what: 'another in its place' });
    const destination_conf = await waitFor(async () => await provedFileBucket(served), { what: 'a bucket' });
    const order = { type: 'full', time_limit: 1, colo_name: 'lab01', destination_conf };
    await waitFor(
      async () => (await captureBecomes(served, (await createCapture(served, order)).id)).status === 'success',
      { what: 'a capture by the new one' },
    );
  });

  test.each([['control'], ['sensor'], ['control', 'sensor']] as const)(
    '%s %s: SIGTERM to the supervisor ends all of it',
    async (...names) => {
      await start();
      const children = descendants(served.process.pid ?? 0);
      for (const name of names) if (name !== undefined) await loop.block(served.pidOf(name));
      expect(await served.stop()).toBe(0);
      expect(children.filter(isAlive)).toEqual([]);
      expect(served.output()).toContain('does not end and is killed');
    },
  );
});

test('a child that alone gets SIGTERM ends in order and is started again', async () => {
  await start();
  const pid = served.pidOf('sensor');
  process.kill(pid, 'SIGTERM');
  await waitFor(() => served.pidOf('sensor') !== pid, { what: 'another sensor' });
  expect(served.output()).toMatch(/"child":"sensor","code":0,"signal":null.*started again/);
  expect(await served.stop()).toBe(0);
});
