import { existsSync, writeFileSync } from 'node:fs';

import { enterNamespace } from './enter_namespace.ts';

/** Keeps a link from sending anything by itself (IPv6 solicitations and reports) and from forwarding; before it goes up. */
export function quietLink(link: string, namespace?: string): void {
  enterNamespace(namespace, () => {
    set(`ipv6/conf/${link}/accept_ra`, '0');
    set(`ipv6/conf/${link}/disable_ipv6`, '1');
    set(`ipv4/conf/${link}/forwarding`, '0');
  });
}

function set(key: string, value: string): void {
  const path = `/proc/sys/net/${key}`;
  // A kernel without IPv6 has nothing to switch off.
  if (existsSync(path)) writeFileSync(path, value);
}
