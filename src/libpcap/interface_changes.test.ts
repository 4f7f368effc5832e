import { expect, test } from 'vitest';
import { interfaceChanges } from './interface_changes.ts';
import type { HostInterface } from './interfaces.ts';

function port(ifindex: number, name: string, up = true): HostInterface {
  return { ifindex, name, up, arphrd: 1, loopback: false };
}

test('nothing changes between equal lists', () => {
  expect(interfaceChanges([port(1, 'lo'), port(2, 'eth0')], [port(2, 'eth0'), port(1, 'lo')])).toEqual([]);
});

test('numbers tell interfaces apart, not names', () => {
  const before = [port(1, 'lo'), port(2, 'eth0'), port(3, 'eth1'), port(4, 'eth2')];
  const after = [port(1, 'lo'), port(3, 'eth0', false), port(4, 'eth2', false), port(5, 'eth1')];
  expect(interfaceChanges(before, after)).toEqual([
    { kind: 'renamed', interface: port(3, 'eth0', false), previous_name: 'eth1' },
    { kind: 'down', interface: port(3, 'eth0', false) },
    { kind: 'down', interface: port(4, 'eth2', false) },
    { kind: 'added', interface: port(5, 'eth1') },
    { kind: 'removed', interface: port(2, 'eth0') },
  ]);
  expect(interfaceChanges(after, [...after.slice(0, 2), port(4, 'eth2'), port(5, 'eth1')])).toEqual([
    { kind: 'up', interface: port(4, 'eth2') },
  ]);
});
