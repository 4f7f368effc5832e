import { isIPv4, isIPv6 } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressText, contains, networkText, parseAddress, parseNetwork } from './address.ts';
import { times } from '../../test/support/soak.ts';

const runs = times(300);

const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
// Zero groups are likely, so that every place of `::` comes up.
const ipv6 = fc
  .array(fc.oneof(fc.constant(0), fc.constant(0xffff), fc.integer({ min: 0, max: 0xffff })), {
    minLength: 8,
    maxLength: 8,
  })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff])));

/** The canonical text that the WHATWG URL parser of Node makes, whose IPv6 serializer follows RFC 5952. */
function urlText(text: string): string {
  return new URL(`http://[${text}]/`).hostname.slice(1, -1);
}

function bits(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
}

describe('addresses', () => {
  test('text and bytes go both ways', () => {
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6), (bytes) => {
        const text = addressText(bytes);
        expect(parseAddress(text)).toEqual(bytes);
        expect(bytes.length === 4 ? isIPv4(text) : isIPv6(text)).toBe(true);
        if (bytes.length === 16) expect(text).toBe(urlText(text));
      }),
      { numRuns: runs },
    );
  });

  test('accepts and refuses what inet_pton does', () => {
    const piece = fc.constantFrom(
      '0',
      '1',
      '00',
      '01',
      'ffff',
      'FFFF',
      '12345',
      'g',
      '255',
      '256',
      '1.2.3.4',
      '1.2.3',
      '',
    );
    const text = fc
      .array(fc.tuple(piece, fc.constantFrom(':', '::', '.', ':')), { minLength: 1, maxLength: 9 })
      .map((pairs) => pairs.map(([one, separator], index) => (index === 0 ? one : separator + one)).join(''));
    const mutated = fc
      .tuple(
        fc.oneof(ipv4, ipv6).map(addressText),
        fc.nat(40),
        fc.constantFrom('', ':', '.', '0', 'f', 'x', ' ', '%1', '-'),
      )
      .map(([good, at, insert]) => good.slice(0, at) + insert + good.slice(at + 1));
    fc.assert(
      fc.property(fc.oneof(text, mutated), (candidate) => {
        // Node takes zones ("%eth0") too; edgetap does not.
        const is_address = isIPv4(candidate) || (isIPv6(candidate) && !candidate.includes('%'));
        const bytes = parseAddress(candidate);
        expect(bytes !== undefined, candidate).toBe(is_address);
        if (bytes?.length === 16) expect(addressText(bytes)).toBe(urlText(candidate));
      }),
      { numRuns: runs * 3 },
    );
  });

  test.each([
    ['1.2.3.4', '1.2.3.4'],
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['10.1.2.3/32', '10.1.2.3'],
    ['255.255.255.255/0', '0.0.0.0/0'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:ffff::/33', '2001:db8:8000::/33'],
    ['::1/128', '::1'],
    ['::/0', '::/0'],
    ['1:0:3:4:5:6:7:8', '1:0:3:4:5:6:7:8'],
    ['::1.2.3.4', '::102:304'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201/120', '192.0.2.0/24'],
    ['::ffff:0:0/95', '::fffe:0:0/95'],
  ])('%s is %s', (text, canonical) => {
    const network = parseNetwork(text);
    expect(network === undefined ? undefined : networkText(network)).toBe(canonical);
  });

  test.each([
    '',
    ' 1.2.3.4',
    '1.2.3.4 ',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '0x1.2.3.4',
    '1.2.3.256',
    '1.2.3.4/',
    '1.2.3.4/33',
    '1.2.3.4/08',
    '1.2.3.4/8/8',
    '1.2.3.4/255.0.0.0',
    '1.2.3.4/-1',
    '16909060',
    '::1/129',
    ':::',
    '1::2::3',
    'fe80::1%eth0',
    '[::1]',
    '::1.2.3.04',
    '1.2.3.4::',
    'example.com',
    '１.2.3.4',
  ])('%j is no address', (text) => {
    expect(parseNetwork(text)).toBeUndefined();
  });

  test('a network contains exactly the addresses that share its prefix', () => {
    fc.assert(
      fc.property(ipv6, ipv6, fc.integer({ min: 0, max: 128 }), (one, other, prefix_bits) => {
        const mixed = other.map((byte, index) => (index < 6 ? (one[index] ?? byte) : byte));
        const outer = parseNetwork(`${addressText(one)}/${prefix_bits}`);
        const inner = parseNetwork(`${addressText(mixed)}/128`);
        fc.pre(outer?.family === 6 && inner?.family === 6);
        expect(contains(outer, inner)).toBe(bits(one).slice(0, prefix_bits) === bits(mixed).slice(0, prefix_bits));
      }),
      { numRuns: runs },
    );
  });

  test('a family contains nothing of the other, and a network nothing wider', () => {
    const [all4, all6, ten, ten8] = ['0.0.0.0/0', '::/0', '10.0.0.0/8', '10.0.0.0/9'].map((text) => parseNetwork(text));
    if (all4 === undefined || all6 === undefined || ten === undefined || ten8 === undefined)
      throw new Error('unreadable');
    expect(contains(all4, all6)).toBe(false);
    expect(contains(all6, all4)).toBe(false);
    expect(contains(ten8, ten)).toBe(false);
    expect(contains(ten, ten8)).toBe(true);
  });
});
