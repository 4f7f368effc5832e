import { BlockList } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isPublicAddress } from './private_address.ts';
import { times } from '../../test/support/soak.ts';

const runs = times(1000);

/** First and last address of each closed IPv4 network, and those just outside that are public. */
const edges: readonly (readonly [string, string, string | undefined, string | undefined])[] = [
  ['0.0.0.0', '0.255.255.255', undefined, '1.0.0.0'],
  ['10.0.0.0', '10.255.255.255', '9.255.255.255', '11.0.0.0'],
  ['100.64.0.0', '100.127.255.255', '100.63.255.255', '100.128.0.0'],
  ['127.0.0.0', '127.255.255.255', '126.255.255.255', '128.0.0.0'],
  ['169.254.0.0', '169.254.255.255', '169.253.255.255', '169.255.0.0'],
  ['172.16.0.0', '172.31.255.255', '172.15.255.255', '172.32.0.0'],
  ['192.0.0.0', '192.0.0.255', '191.255.255.255', '192.0.1.0'],
  ['192.0.2.0', '192.0.2.255', '192.0.1.255', '192.0.3.0'],
  ['192.88.99.0', '192.88.99.255', '192.88.98.255', '192.88.100.0'],
  ['192.168.0.0', '192.168.255.255', '192.167.255.255', '192.169.0.0'],
  ['198.18.0.0', '198.19.255.255', '198.17.255.255', '198.20.0.0'],
  ['198.51.100.0', '198.51.100.255', '198.51.99.255', '198.51.101.0'],
  ['203.0.113.0', '203.0.113.255', '203.0.112.255', '203.0.114.0'],
  ['224.0.0.0', '255.255.255.255', '223.255.255.255', undefined],
];

describe('IPv4', () => {
  test.each(edges)('%s to %s is closed, what is around it is public', (first, last, before, after) => {
    expect([first, last].map(isPublicAddress)).toEqual([false, false]);
    for (const outside of [before, after]) if (outside !== undefined) expect(isPublicAddress(outside)).toBe(true);
  });

  test('agrees with net.BlockList, in each IPv6 spelling as well', () => {
    const closed = new BlockList();
    for (const [first, last] of edges) closed.addRange(first, last);
    const octet = fc.oneof(
      fc.integer({ min: 0, max: 255 }),
      fc.constantFrom(0, 10, 100, 127, 169, 172, 192, 198, 254, 255),
    );
    fc.assert(
      fc.property(fc.tuple(octet, octet, octet, octet), (octets) => {
        const text = octets.join('.');
        const open = !closed.check(text);
        const hex = octets.map((one) => one.toString(16).padStart(2, '0')).join('');
        expect(isPublicAddress(text)).toBe(open);
        expect(isPublicAddress(`::ffff:${text}`)).toBe(open);
        expect(isPublicAddress(`64:ff9b::${text}`)).toBe(open);
        expect(isPublicAddress(`2002:${hex.slice(0, 4)}:${hex.slice(4)}::1`)).toBe(open);
      }),
      { numRuns: runs },
    );
  });
});

describe('IPv6', () => {
  test.each([
    '::', // unspecified
    '::1', // loopback
    '::127.0.0.1', // IPv4-compatible
    '::8.8.8.8',
    '::ffff:0:7f00:1', // IPv4-translated
    '64:ff9b:1::808:808', // NAT64 of a site
    '100::1', // discard
    '2001::1', // Teredo
    '2001:20::1', // ORCHID
    '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff',
    '2001:db8::1', // documentation
    '3fff::1',
    '3fff:fff:ffff::',
    '4000::1',
    '5f00::1', // segment routing
    'fc00::1', // unique local
    'fd12:3456::1',
    'fe80::1', // link-local
    'fe80::1%eth0',
    'fec0::1', // site-local
    'ff02::1', // multicast
    '::ffff:a9fe:a9fe', // 169.254.169.254
  ])('%s is closed', (text) => expect(isPublicAddress(text)).toBe(false));

  test.each([
    '2000::',
    '2001:200::1',
    '2001:4860:4860::8888',
    '2606:4700::1111',
    '2a00:1450::1',
    '3ffe:ffff::',
    '3fff:1000::',
  ])('%s is public', (text) => expect(isPublicAddress(text)).toBe(true));
});

test.each(['', 'localhost', '127.1', '0x7f.0.0.1', '0177.0.0.1', '2130706433', '8.8.8.8.', ' 8.8.8.8', '[::1]'])(
  '%j is no address and so not public',
  (text) => expect(isPublicAddress(text)).toBe(false),
);
