import type { FilterV1 } from '../model/filter_v1.ts';

/**
 * Writes a checked filter as libpcap text; the empty text where it matches everything. An address matches as `src host` and
 * `src net` do (ARP's sender and target included), a port matches TCP, UDP and SCTP over IPv4 and IPv6, and a protocol is
 * the IPv4 protocol or the first next header of IPv6, looked up behind a fragment header as libpcap does.
 */
export function filterText(filter: FilterV1): string {
  const clauses: string[] = [];
  if (filter.source_address !== undefined) clauses.push(`src ${hostOrNet(filter.source_address)}`);
  if (filter.destination_address !== undefined) clauses.push(`dst ${hostOrNet(filter.destination_address)}`);
  if (filter.protocol !== undefined) clauses.push(`(ip proto ${filter.protocol} or ip6 proto ${filter.protocol})`);
  if (filter.source_port !== undefined) clauses.push(`src port ${filter.source_port}`);
  if (filter.destination_port !== undefined) clauses.push(`dst port ${filter.destination_port}`);
  return clauses.join(' and ');
}

/** `host 192.0.2.1` or `net 192.0.2.0/24` for the canonical text of a network. */
export function hostOrNet(canonical: string): string {
  return `${canonical.includes('/') ? 'net' : 'host'} ${canonical}`;
}
