import { isIP } from 'node:net';
import type { ServeSettings } from './settings.ts';

const loopback = /^(?:127\.|::1$|localhost$)/;
/** All addresses of the machine, that of itself too. */
const everywhere = ['0.0.0.0', '::'];

/** The names that a listener is known by. An address needs none. */
export function knownHosts(
  { public_url, allowed_hosts }: Pick<ServeSettings, 'public_url' | 'allowed_hosts'>,
  listen_host: string,
): readonly string[] {
  return [
    ...(loopback.test(listen_host) || everywhere.includes(listen_host) ? ['localhost'] : []),
    ...(isIP(listen_host) === 0 ? [listen_host] : []),
    ...(public_url === undefined ? [] : [new URL(public_url).hostname]),
    ...allowed_hosts,
  ];
}
