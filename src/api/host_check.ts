import type { IncomingMessage } from 'node:http';
import { isIP, isIPv6 } from 'node:net';
import { type Fault, fault } from '../model/errors/fault.ts';

const port_max = 65_535;

/** What probes ask for, under any name. */
const for_everybody = /^\/(?:healthz|readyz)\/?(?:\?|$)/;

/**
 * Makes what says what is wrong with the version or the Host header of a request (RFC 9112, section 3.2): HTTP/1.1 needs exactly one host,
 * and it is a host and perhaps a port. An empty one is allowed. A name has to be one of `known` (in small letters): else a page of another
 * site, whose name was made to lead here, could ask what only its visitor may. That takes a name, so an address is always good.
 */
export function hostCheck(known: readonly string[]): (request: IncomingMessage) => Fault | undefined {
  const names = new Set(known.map(plainName));
  // Clients say the same one again and again.
  let good = '';
  return ({ rawHeaders, httpVersionMajor, httpVersionMinor, url = '' }) => {
    // Node's parser lets 0.9 and 2.0 pass.
    if (httpVersionMajor !== 1) return fault('http_version');
    let host: string | undefined;
    let count = 0;
    for (let at = 0; at < rawHeaders.length; at += 2) {
      if (!isHostName(rawHeaders[at])) continue;
      host = rawHeaders[at + 1];
      count += 1;
    }
    if (count === 1 && host === good) return undefined;
    const reason = wrongOf(host, count, httpVersionMinor);
    if (reason !== undefined) return fault('request_malformed', { reason });
    const name = nameOf(host ?? '');
    if (name === '' || isIP(name) !== 0 || names.has(name)) good = host ?? good;
    else if (!for_everybody.test(url)) return fault('host_unknown', { host: name.slice(0, 100) });
    return undefined;
  };
}

/** The host without its port and brackets. */
function nameOf(host: string): string {
  return plainName(host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1'));
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

function wrongOf(host: string | undefined, count: number, version_minor: number): string | undefined {
  if (host === undefined) return version_minor === 0 ? undefined : 'it has no Host header.';
  if (count > 1) return 'it has more than one Host header.';
  return isHost(host) ? undefined : 'its Host header is not a host name or address, with or without a port.';
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
