import type { IncomingMessage } from 'node:http';
import { isIPv6 } from 'node:net';
import { type Fault, fault } from '../model/errors/fault.ts';

const port_max = 65_535;

/**
 * What is wrong with the version or the Host header of a request (RFC 9112, section 3.2): HTTP/1.1 needs exactly one host, and it is a host and perhaps a
 * port. An empty one is allowed.
 */
export function hostFault({ rawHeaders, httpVersionMajor, httpVersionMinor }: IncomingMessage): Fault | undefined {
  // Node's parser lets 0.9 and 2.0 pass.
  if (httpVersionMajor !== 1) return fault('http_version');
  const hosts = rawHeaders.filter((_, at) => at % 2 === 1 && isHostName(rawHeaders[at - 1]));
  const [host] = hosts;
  const reason =
    host === undefined
      ? httpVersionMinor === 0
        ? undefined
        : 'it has no Host header.'
      : hosts.length > 1
        ? 'it has more than one Host header.'
        : isHost(host)
          ? undefined
          : 'its Host header is not a host name or address, with or without a port.';
  return reason === undefined ? undefined : fault('request_malformed', { reason });
}

function isHostName(name: string | undefined): boolean {
  return name?.length === 4 && name.toLowerCase() === 'host';
}

function isHost(text: string): boolean {
  const found = /^(?:\[([^\]]*)\]|[\w.~!$&'()*+,;=%-]*)(?::(\d*))?$/.exec(text);
  if (found === null) return false;
  const [, address, port = ''] = found;
  return (address === undefined || isIPv6(address)) && Number(port) <= port_max;
}
