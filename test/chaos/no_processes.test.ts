import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fault } from '../../src/model/errors/fault.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { createProcessLimit, type ProcessLimit } from '../support/process_limit.ts';
import { descendants, isAlive } from '../support/process_tree.ts';
import { type Served, startServe } from '../support/serve.ts';
import { captureBecomes, createCapture, provedFileBucket } from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';
import { withoutRoot } from '../support/without_root.ts';

let served: Served | undefined;
let pair: NamespacePair;
let few: ProcessLimit | undefined;
beforeEach(async () => {
  pair = await createNamespacePair();
});
afterEach(async () => {
  few?.allow('max');
  await served?.remove();
  await few?.remove();
  await pair?.remove();
  [served, few] = [undefined, undefined];
});

describe.skipIf(withoutRoot('a limit of processes'))('where no process can be started', () => {
  test.each(['sensor', 'control'] as const)(
    'a %s that dies is waited for, the other goes on, and it is back once it can be',
    { timeout: 900_000 },
    async (name) => {
      const at = await startServe({ interfaces: [pair.near.name] });
      served = at;
      const other = name === 'sensor' ? 'control' : 'sensor';
      const [pid, other_pid] = [at.pidOf(name), at.pidOf(other)];
      const supervisor = at.process.pid ?? 0;
      few = createProcessLimit();
      few.take(supervisor, ...descendants(supervisor));
      few.allow(1);
      process.kill(pid, 'SIGKILL');
      const told = fault('process_unstarted', {
        name,
        reason: 'resource temporarily unavailable (EAGAIN)',
      }).message;
      await waitFor(() => at.output().split(told).length > 4, { what: 'the log to tell of four attempts' });
      expect([isAlive(supervisor), isAlive(other_pid)]).toEqual([true, true]);
      few.allow('max');
      await waitFor(() => at.pidOf(name) !== pid, { what: 'another one' });
      const destination_conf = await waitFor(async () => await provedFileBucket(at), { what: 'a bucket' });
      const full = { type: 'full', time_limit: 1, colo_name: 'lab01', destination_conf };
      await waitFor(async () => (await captureBecomes(at, (await createCapture(at, full)).id)).status === 'success', {
        what: 'a capture',
      });
      expect(await at.stop()).toBe(0);
    },
  );

  test.each([2, 4, 6])(
    'a sensor that gets %i threads less than it wants stays, and captures once it has them',
    { timeout: 900_000 },
    async (less) => {
      const at = await startServe({ interfaces: [pair.near.name] });
      served = at;
      const supervisor = at.process.pid ?? 0;
      few = createProcessLimit();
      few.take(supervisor, ...descendants(supervisor));
      few.allow(few.current() - less);
      const pid = at.pidOf('sensor');
      process.kill(pid, 'SIGKILL');
      const ready = async (): Promise<boolean> => {
        const { parts } = (await (await fetch(`${at.url}/readyz`)).json()) as Ready;
        return ['bus', 'sensors'].every((name) => parts.find((part) => part.name === name)?.ok === true);
      };
      await waitFor(async () => at.pidOf('sensor') !== pid && (await ready()), { what: 'another sensor' });
      const second = at.pidOf('sensor');
      few.allow('max');
      const destination_conf = await provedFileBucket(at);
      const full = { type: 'full', time_limit: 1, colo_name: 'lab01', destination_conf };
      await waitFor(async () => (await captureBecomes(at, (await createCapture(at, full)).id)).status === 'success', {
        what: 'a capture',
      });
      expect(at.pidOf('sensor')).toBe(second);
      expect(await at.stop()).toBe(0);
    },
  );
});

interface Ready {
  readonly parts: readonly { readonly name: string; readonly ok: boolean }[];
}
