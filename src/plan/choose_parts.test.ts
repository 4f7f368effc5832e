import { describe, expect, test } from 'vitest';
import { chooseDelivery, chooseParts, type FleetMember, visibleSensors } from './choose_parts.ts';

const fleet: readonly FleetMember[] = [
  { name: 'b', colo: 'ord02', interfaces: [{ name: 'eth1' }, { name: 'eth0' }] },
  { name: 'a', colo: 'ORD01', interfaces: [{ name: 'eth0' }] },
  { name: 'c', colo: 'ams01', interfaces: [{ name: 'eth0' }] },
];
const everything = { sensors: 'all', networks: 'all' } as const;

describe('chooseParts', () => {
  test('one site, or all sites of a name; sensors in order, interfaces in theirs', () => {
    const names = (colo: string): string[] =>
      chooseParts('c1', colo, fleet, everything).map((part) => `${part.ordinal} ${part.sensor}/${part.interface}`);
    expect(names('Ord02')).toEqual(['0 b/eth1', '1 b/eth0']);
    expect(names('ord')).toEqual(['0 a/eth0', '1 b/eth1', '2 b/eth0']);
    expect(names('or')).toEqual([]);
  });

  test('the scope decides what is seen', () => {
    expect(chooseParts('c1', 'ord', fleet, { sensors: ['a'], networks: 'all' }).map((part) => part.sensor)).toEqual([
      'a',
    ]);
    expect(visibleSensors(fleet, { sensors: [], networks: 'all' })).toEqual([]);
  });
});

test('only one interface, a classic file and no past is delivered directly', () => {
  const one = chooseParts('c1', 'ord01', fleet, everything);
  expect(chooseDelivery(one, { format: 'pcap' }, false)).toBe('direct');
  expect(chooseDelivery(one, { format: 'pcapng' }, false)).toBe('staged');
  expect(chooseDelivery(one, { format: 'pcap', lookback_s: 1 }, false)).toBe('staged');
  expect(chooseDelivery(chooseParts('c1', 'ord', fleet, everything), { format: 'pcap' }, false)).toBe('staged');
});

test('where other interfaces may join it, nothing is delivered directly', () => {
  expect(chooseDelivery(chooseParts('c1', 'ord01', fleet, everything), { format: 'pcap' }, true)).toBe('staged');
});
