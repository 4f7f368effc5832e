import { BlockList, isIPv4, isIPv6 } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { networkHas, parseIp, parseNetwork } from './ip_address.ts';
import { times } from '../../test/support/soak.ts';

const runs = times(500);

/** Text near enough to addresses that some are and some are not. */
const nearly = fc
  .array(
    fc.tuple(
      fc.constantFrom('0', '1', '01', 'ff', 'FFFF', '12345', '255', '256', '1.2.3.4', '0x7f', ''),
      fc.constantFrom(':', '::', '.'),
    ),
    {
      minLength: 1,
      maxLength: 9,
    },
  )
  .map((pairs) => pairs.map(([piece, join], index) => (index === 0 ? piece : join + piece)).join(''));

test('takes what inet_pton takes, and nothing else', () => {
  fc.assert(
    fc.property(fc.oneof(nearly, fc.ipV4(), fc.ipV6(), fc.string()), (text) => {
      expect(parseIp(text)?.length).toBe(isIPv4(text) ? 4 : isIPv6(text) ? 16 : undefined);
    }),
    { numRuns: runs },
  );
});

test('IPv6 has the bytes that the URL parser gives it', () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const spelled = new URL(`http://[${text}]/`).hostname.slice(1, -1);
      expect(parseIp(text)).toEqual(parseIp(spelled));
      const hex = Array.from(parseIp(text) ?? [], (byte) => byte.toString(16).padStart(2, '0')).join('');
      expect(new URL(`http://[${(hex.match(/..../g) ?? []).join(':')}]/`).hostname.slice(1, -1)).toBe(spelled);
    }),
    { numRuns: runs },
  );
});

test('a zone is dropped', () => {
  expect(parseIp('fe80::1%eth0')).toEqual(parseIp('fe80::1'));
  expect(parseIp('fe80::1%')).toBeUndefined();
});

describe('networks', () => {
  test('membership is that of net.BlockList', () => {
    const byte = fc.integer({ min: 0, max: 255 });
    for (const width of [4, 16] as const) {
      const bytes = fc.array(byte, { minLength: width, maxLength: width });
      fc.assert(
        fc.property(
          bytes,
          fc.integer({ min: 1, max: width * 8 }),
          fc.nat(),
          bytes,
          (base, prefix_bits, flip, other) => {
            const masked = base.map(
              (value, index) => value & (0xff00 >> Math.min(8, Math.max(0, prefix_bits - index * 8))) & 0xff,
            );
            const near = [...masked];
            const bit = flip % (width * 8);
            near[bit >> 3] = (near[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7));
            const network = parseNetwork(`${written(masked)}/${prefix_bits}`);
            const list = new BlockList();
            const family = width === 4 ? 'ipv4' : 'ipv6';
            list.addSubnet(written(masked), prefix_bits, family);
            for (const one of [masked, near, other]) {
              expect(network !== undefined && networkHas(network, Uint8Array.from(one))).toBe(
                list.check(written(one), family),
              );
            }
          },
        ),
        { numRuns: runs },
      );
    }
  });

  test.each(['10.0.0.1/8', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/08', '10.0.0.0/-1', '::1/127', '::/129', '10/8', ''])(
    '%j is not one',
    (text) => expect(parseNetwork(text)).toBeUndefined(),
  );

  test('families never mix', () => {
    const all = parseNetwork('::/0');
    expect(all !== undefined && networkHas(all, Uint8Array.of(1, 2, 3, 4))).toBe(false);
  });
});

function written(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join('.');
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return (hex.match(/..../g) ?? []).join(':');
}
