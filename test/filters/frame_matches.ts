import { type Network, parseNetwork } from '../../src/filter/address.ts';
import type { FilterV1 } from '../../src/model/filter_v1.ts';
import type { Scope } from '../../src/model/scope.ts';
import type { Frame } from './random_frame.ts';

const with_ports = [6, 17, 132];

/**
 * Does a whole frame match, by the words of docs/filters.md? Looks at the parts that the frame was made of, not at its bytes, and
 * knows nothing of libpcap.
 */
export function frameMatches(frame: Frame, filter: FilterV1, networks: Scope['networks'] = 'all'): boolean {
  const is_empty = Object.keys(filter).length === 0 && networks === 'all';
  if (is_empty) return true;
  if (frame.tags.length > 2) return false;
  const { body } = frame;
  if (body.kind === 'other') return false;
  const [source, destination] = body.kind === 'arp' ? [body.sender, body.target] : [body.source, body.destination];
  if (networks !== 'all' && !networks.some((one) => isIn(source, one) || isIn(destination, one))) return false;
  if (filter.source_address !== undefined && !isIn(source, filter.source_address)) return false;
  if (filter.destination_address !== undefined && !isIn(destination, filter.destination_address)) return false;
  if (filter.protocol !== undefined) {
    if (body.kind === 'arp') return false;
    const chain = body.kind === 'ipv4' ? [body.protocol] : [...body.extensions, body.protocol];
    const seen = body.kind === 'ipv6' && body.extensions.length > 0 ? chain.slice(0, 2) : chain.slice(0, 1);
    if (!seen.includes(filter.protocol)) return false;
  }
  if (filter.source_port === undefined && filter.destination_port === undefined) return true;
  if (body.kind === 'arp' || !with_ports.includes(body.protocol)) return false;
  if (body.kind === 'ipv4' ? body.fragment_offset !== 0 : !hasPorts(body)) return false;
  return (
    (filter.source_port === undefined || filter.source_port === body.ports[0]) &&
    (filter.destination_port === undefined || filter.destination_port === body.ports[1])
  );
}

/** Behind IPv6's own header, or one extension header; of fragments in the first. */
function hasPorts({ extensions, fragment_offset }: Extract<Frame['body'], { kind: 'ipv6' }>): boolean {
  if (extensions.length > 1) return false;
  return extensions[0] !== 44 || fragment_offset === 0;
}

function isIn(address: readonly number[], text: string): boolean {
  const network: Network | undefined = parseNetwork(text);
  if (network === undefined) throw new Error(`${text} is no network`);
  if (network.bytes.length !== address.length) return false;
  for (let bit = 0; bit < network.prefix_bits; bit++) {
    const at = (bytes: ArrayLike<number>): number => ((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;
    if (at(network.bytes) !== at(address)) return false;
  }
  return true;
}
