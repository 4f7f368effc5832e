import type { FilterV1 } from '../model/filter_v1.ts';
import { portBehindExtension, protocolBehindExtension } from './behind_extension.ts';

/**
 * Writes a checked filter as libpcap text; the empty text where it matches everything. An address matches as `src host` and
 * `src net` do (ARP's sender and target included). A port matches TCP, UDP and SCTP over IPv4 and IPv6, and a protocol is
 * the IPv4 protocol or the first next header of IPv6. Both are looked for behind one extension header as well, which IPv6's jumbograms and fragments
 * have: the kernel's filters cannot follow more of them.
 */
export function filterText(filter: FilterV1): string {
  const clauses: string[] = [];
  if (filter.source_address !== undefined) clauses.push(`src ${hostOrNet(filter.source_address)}`);
  if (filter.destination_address !== undefined) clauses.push(`dst ${hostOrNet(filter.destination_address)}`);
  if (filter.protocol !== undefined) clauses.push(protocolText(filter.protocol));
  if (filter.source_port !== undefined) clauses.push(portText('src', filter.source_port));
  if (filter.destination_port !== undefined) clauses.push(portText('dst', filter.destination_port));
  return clauses.join(' and ');
}

/** `host 192.0.2.1` or `net 192.0.2.0/24` for the canonical text of a network. */
export function hostOrNet(canonical: string): string {
  return `${canonical.includes('/') ? 'net' : 'host'} ${canonical}`;
}

function protocolText(protocol: number): string {
  return `(ip proto ${protocol} or ip6 proto ${protocol} or ${protocolBehindExtension(protocol)})`;
}

function portText(end: 'src' | 'dst', port: number): string {
  return `(${end} port ${port} or ${portBehindExtension(end, port)})`;
}
