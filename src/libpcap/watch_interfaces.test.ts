import { expect, test } from 'vitest';
import type { InterfaceChange } from './interface_changes.ts';
import type { HostInterface } from './interfaces.ts';
import { watchInterfaces } from './watch_interfaces.ts';

const lo: HostInterface = { name: 'lo', ifindex: 1, arphrd: 772, up: true, loopback: true };
const eth0: HostInterface = { name: 'eth0', ifindex: 2, arphrd: 1, up: true, loopback: false };

test('tells what is new, each thing once, until it is stopped', async () => {
  let now: readonly HostInterface[] = [lo, eth0];
  const changes: InterfaceChange[] = [];
  const watch = watchInterfaces({ onChange: (change) => changes.push(change), every_ms: 5, list: () => now });
  expect(watch.interfaces).toEqual([lo, eth0]);
  watch.look();
  expect(changes).toEqual([]);
  now = [lo];
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(changes).toEqual([{ kind: 'removed', interface: eth0 }]);
  expect(watch.interfaces).toEqual([lo]);
  watch.stop();
  now = [lo, eth0];
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(changes).toHaveLength(1);
});
