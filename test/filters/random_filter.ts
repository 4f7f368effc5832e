import * as fc from 'fast-check';
import { addressText, networkText, parseNetwork } from '../../src/filter/address.ts';
import type { FilterV1 } from '../../src/model/filter_v1.ts';
import { addresses4, addresses6, ports, protocols } from './random_frame.ts';

const network4 = networkOf(addresses4, [0, 8, 9, 24, 31, 32, 32, 32]);
const network6 = networkOf(addresses6, [0, 10, 32, 33, 64, 127, 128, 128]);

/** Networks as canonical text, of either family. */
export const networkText4or6: fc.Arbitrary<string> = fc.oneof(network4, network6);

/** Any checked filter: mostly of a few fields, because one of all five hits next to nothing. */
export const filterV1: fc.Arbitrary<FilterV1> = fc
  .tuple(
    fc.constantFrom(network4, network6).chain((network) =>
      fc.record({
        source_address: network,
        destination_address: network,
        source_port: fc.constantFrom(...ports),
        destination_port: fc.constantFrom(...ports),
        protocol: fc.constantFrom(...protocols),
      }),
    ),
    fc.oneof({ weight: 4, arbitrary: some(2) }, some(5)),
  )
  .map(([all, fields]) => withoutSome(Object.fromEntries(fields.map((field) => [field, all[field]]))));

function some(count: number): fc.Arbitrary<readonly (keyof FilterV1)[]> {
  const fields = ['source_address', 'destination_address', 'source_port', 'destination_port', 'protocol'] as const;
  return fc.uniqueArray(fc.constantFrom(...fields), { maxLength: count });
}

function networkOf(addresses: readonly (readonly number[])[], prefixes: readonly number[]): fc.Arbitrary<string> {
  return fc.tuple(fc.constantFrom(...addresses), fc.constantFrom(...prefixes)).map(([address, prefix]) => {
    const network = parseNetwork(`${addressText(Uint8Array.from(address))}/${prefix}`);
    if (network === undefined) throw new Error('unreadable');
    return networkText(network);
  });
}

/** Ports only beside a protocol that has them, as the check of a request demands. */
function withoutSome(filter: FilterV1): FilterV1 {
  if (filter.protocol === undefined || [6, 17, 132].includes(filter.protocol)) return filter;
  const { source_port: _source, destination_port: _destination, ...rest } = filter;
  return rest;
}
