import { assert, ipV4, property } from 'fast-check';
import { expect, test } from 'vitest';
import { addressGroup } from './address_group.ts';

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::ffff:c000:201', '192.0.2.1'],
  ['2001:db8::1', '20010db800000000'],
  ['2001:db8:0:0:ffff::1', '20010db800000000'],
  ['2001:db8:0:1::1', '20010db800000001'],
  ['fe80::1%eth0', 'fe80000000000000'],
  ['::1', '0000000000000000'],
  ['', ''],
])('%s is %s', (address, group) => {
  expect(addressGroup(address)).toBe(group);
});

test('an IPv4 address is the same however it comes', () => {
  assert(property(ipV4(), (address) => addressGroup(`::ffff:${address}`) === addressGroup(address)));
});
