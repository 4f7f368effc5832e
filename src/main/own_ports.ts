import { own_groups_max, own_ports_max, type OwnPorts } from '../libpcap/own_traffic.ts';

/** Where edgetap listens: an address, and a TCP port. */
export interface Listener {
  readonly address: string;
  readonly port: number;
}

const wildcards: readonly string[] = ['0.0.0.0', '::'];

/**
 * What of this host's traffic is edgetap's own: that of its listeners, each on the address that it is bound to, or on every address of the
 * host (`host`), and that of the ports which the sensor's uploads come from.
 */
export function ownPorts(
  listeners: readonly Listener[],
  uploads: { readonly first: number; readonly last: number } | undefined,
  host: readonly string[],
): readonly OwnPorts[] {
  const everywhere = listeners.filter(({ address }) => wildcards.includes(address)).map(({ port }) => port);
  const ranges: (readonly [number, number])[] = [...new Set(everywhere)].map((port) => [port, port]);
  if (uploads !== undefined) ranges.unshift([uploads.first, uploads.last]);
  const bound = Map.groupBy(
    listeners.filter(({ address }) => !wildcards.includes(address)),
    ({ address }) => address,
  );
  const groups: readonly OwnPorts[] = [
    { ports: ranges.slice(0, own_ports_max), addresses: host },
    ...[...bound].map(([address, those]): OwnPorts => {
      const ports = [...new Set(those.map(({ port }) => port))].slice(0, own_ports_max);
      return { ports: ports.map((port) => [port, port]), addresses: [address] };
    }),
  ];
  return groups.filter(({ ports }) => ports.length > 0).slice(0, own_groups_max);
}
