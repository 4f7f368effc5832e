import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { networkHas, parseIp, parseNetwork } from '../model/ip_address.ts';
import { hostAddresses } from './host_addresses.ts';

test('has every address that Node knows of this host', () => {
  const networks = hostAddresses().map(parseNetwork);
  const known = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  expect(known.length).toBeGreaterThan(0);
  for (const { address } of known) {
    const bytes = parseIp(address) ?? new Uint8Array();
    expect(
      networks.some((network) => network !== undefined && networkHas(network, bytes)),
      address,
    ).toBe(true);
  }
});

test('IPv6 as the kernel writes it', () => {
  const text = [
    '20010db8000000000000000000000001 02 40 00 80     eth0',
    '00000000000000000000000000000001 01 80 10 80       lo',
    'fe80000000000000005056fffec00001 02 40 20 80     eth0',
    '',
  ].join('\n');
  const addresses = hostAddresses({ read: (path) => (path === '/proc/net/if_inet6' ? text : undefined) });
  expect(addresses.filter((one) => one.includes(':'))).toEqual(['::1', 'fe80::/10', '2001:db8:0:0:0:0:0:1']);
  expect(addresses).toContain('127.0.0.0/8');
  expect(addresses.every((one) => parseNetwork(one) !== undefined)).toBe(true);
});
