import { fault } from './errors/fault.ts';
import { type IpNetwork, networkHas, parseIp, parseNetwork } from './ip_address.ts';
import { isPublicAddress } from './private_address.ts';
import { type Result, ok, refused } from './result.ts';

/** One entry of EDGETAP_ALLOW_ENDPOINTS. Without a port it holds for every port. */
export type EndpointEntry =
  | { readonly host: string; readonly port?: number }
  | { readonly network: IpNetwork; readonly port?: number };

/** What the operator allows beyond HTTPS to public addresses: an empty list allows nothing more. */
export type EndpointPolicy = readonly EndpointEntry[];

/** Where a connection is about to go. */
export interface EndpointTarget {
  /** Is the connection TLS? */
  readonly secure: boolean;
  /** The host as the URL names it: a name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Every address is allowed, plain HTTP too: for URLs that are edgetap's own. */
export const anywhere: EndpointPolicy = [{ network: everyAddress('0.0.0.0') }, { network: everyAddress('::') }];

const label = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;

/**
 * Reads EDGETAP_ALLOW_ENDPOINTS: entries separated by commas, each a host name, an address or a network in CIDR form,
 * hosts and addresses with an optional `:port` (IPv6 in brackets then). Names are matched whole; there are no wildcards.
 */
export function parseEndpointPolicy(text: string): Result<EndpointPolicy> {
  const policy: EndpointEntry[] = [];
  for (const written of text.split(',')) {
    const entry = written.trim();
    if (entry === '') continue;
    const parsed = parseEntry(entry);
    if (parsed === undefined) {
      const expected = 'a list of hosts, host:port and networks such as 10.0.0.0/8, separated by commas';
      return refused(fault('setting_invalid', { setting: 'EDGETAP_ALLOW_ENDPOINTS', value: entry, expected }));
    }
    policy.push(parsed);
  }
  return ok(policy);
}

/**
 * May this connection be made to this address? `insecure`: plain HTTP to a place that the operator did not list.
 * `refused`: TLS to an address that is not public and not listed.
 */
export function endpointVerdict(
  policy: EndpointPolicy,
  target: EndpointTarget,
  address: string,
): 'allowed' | 'insecure' | 'refused' {
  if (isListed(policy, target, address)) return 'allowed';
  if (!target.secure) return 'insecure';
  return isPublicAddress(address) ? 'allowed' : 'refused';
}

/** A host for comparing: lower case, without brackets and without the root's dot. */
export function plainHost(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
}

function isListed(policy: EndpointPolicy, target: EndpointTarget, address: string): boolean {
  const bytes = parseIp(address);
  return policy.some((entry) => {
    if (entry.port !== undefined && entry.port !== target.port) return false;
    if ('host' in entry) return entry.host === plainHost(target.host);
    return bytes !== undefined && networkHas(entry.network, bytes);
  });
}

function parseEntry(entry: string): EndpointEntry | undefined {
  const network = parseNetwork(entry);
  if (network !== undefined) return { network };
  const found = /^(?:\[([^\]]+)\]|([^:/[\]]+))(?::(\d{1,5}))?$/.exec(entry);
  if (found === null) return undefined;
  const host = plainHost(found[1] ?? found[2] ?? '');
  const port = found[3] === undefined ? {} : { port: Number(found[3]) };
  if (port.port !== undefined && (port.port < 1 || port.port > 65_535)) return undefined;
  const address = parseNetwork(host);
  if (address !== undefined) return { network: address, ...port };
  // What looks like a number at the end is an address that is misspelled, never a name (WHATWG URL, "ends in a number").
  const labels = host.split('.');
  if (found[1] !== undefined || !labels.every((one) => label.test(one))) return undefined;
  return /^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '') ? undefined : { host, ...port };
}

function everyAddress(zero: string): IpNetwork {
  return { address: parseIp(zero) ?? new Uint8Array(4), prefix_bits: 0 };
}
