import { expect, test } from 'vitest';
import type { HostInterface } from '../libpcap/interfaces.ts';
import { wantedInterfaces } from './wanted_interfaces.ts';

const port = (name: string, ifindex: number, up = true): HostInterface => {
  return { name, ifindex, arphrd: 1, up, loopback: false };
};

function host(): { ports: HostInterface[]; alternatives: Record<string, number>; route: string | undefined } {
  return { ports: [port('eth1', 3), port('eth0', 2), port('eth2', 4, false)], alternatives: { wan: 2 }, route: 'eth1' };
}

function wanted(of: Parameters<typeof wantedInterfaces>[0], on: ReturnType<typeof host>) {
  return wantedInterfaces(of, {
    list: () => on.ports,
    defaultRoute: () => on.route,
    alternative: (name) => on.alternatives[name],
  });
}

const names = (ports: readonly HostInterface[]): readonly string[] => ports.map((one) => one.name);

test('all are those that are up; the default is the default route, or lo', () => {
  const on = host();
  expect(names(wanted('all', on).present())).toEqual(['eth0', 'eth1']);
  expect(names(wanted('default', on).present())).toEqual(['eth1']);
  on.route = undefined;
  on.ports.push(port('lo', 1));
  expect(names(wanted('default', on).present())).toEqual(['lo']);
  for (const of of ['all', 'default'] as const) {
    expect([wanted(of, on).missing(), wanted(of, on).awaited(), wanted(of, on).isAwaited('eth0')]).toEqual([
      [],
      [],
      false,
    ]);
  }
});

test('an alternative name leads to its interface, once, and on to another one that gets it', () => {
  const on = host();
  const found = wanted(['wan', 'eth0', 'lan'], on);
  expect(names(found.present())).toEqual(['eth0']);
  expect(found.missing()).toEqual(['lan']);
  expect(found.awaited()).toEqual(['eth0', 'eth0', 'lan']);
  expect([found.isAwaited('eth0'), found.isAwaited('eth1'), found.isAwaited('lan')]).toEqual([true, false, true]);
  on.alternatives['lan'] = 3;
  expect(names(found.present())).toEqual(['eth0', 'eth1']);
  expect([found.missing(), found.isAwaited('eth1')]).toEqual([[], true]);
  // Gone for now: what it led to is still awaited, and the name is told as missing.
  on.ports = [port('eth0', 2)];
  expect([found.missing(), found.isAwaited('eth1')]).toEqual([['lan'], true]);
  on.ports = [port('eth0', 2), port('eth9', 9)];
  on.alternatives['lan'] = 9;
  expect(names(found.present())).toEqual(['eth0', 'eth9']);
  expect([found.isAwaited('eth9'), found.isAwaited('eth1')]).toEqual([true, false]);
});
