import { hostFiles, type InterfaceFiles } from './interfaces.ts';

// linux/route.h
const RTF_UP = 0x1;
const RTF_REJECT = 0x200;

interface Route {
  readonly name: string;
  readonly metric: number;
}

/**
 * The name of the interface that the default route leads through: IPv4's, else IPv6's, of several the one with the least
 * metric. Undefined where there is no default route. Source: proc(5), /proc/net/route and /proc/net/ipv6_route.
 */
export function defaultRouteInterface(files: InterfaceFiles = hostFiles): string | undefined {
  return best(ipv4Defaults(files)) ?? best(ipv6Defaults(files));
}

function best(routes: readonly Route[]): string | undefined {
  return routes.reduce<Route | undefined>(
    (least, route) => (least === undefined || route.metric < least.metric ? route : least),
    undefined,
  )?.name;
}

function usable(flags: number): boolean {
  return (flags & RTF_UP) !== 0 && (flags & RTF_REJECT) === 0;
}

/** Columns: interface, destination, gateway, flags (hex), references, use, metric, mask, … */
function ipv4Defaults(files: InterfaceFiles): readonly Route[] {
  return rows(files, '/proc/net/route').flatMap((row) => {
    const [name, destination, , flags, , , metric, mask] = row;
    const isDefault = destination === '00000000' && mask === '00000000' && usable(Number.parseInt(flags ?? '0', 16));
    return isDefault && name !== undefined ? [{ name, metric: Number(metric) }] : [];
  });
}

/** Columns: destination, its prefix length, source, its prefix length, next hop, metric, references, use, flags (all hex), interface. */
function ipv6Defaults(files: InterfaceFiles): readonly Route[] {
  return rows(files, '/proc/net/ipv6_route').flatMap((row) => {
    const [destination, prefix, , , , metric, , , flags, name] = row;
    const isDefault =
      /^0+$/.test(destination ?? '') && prefix === '00' && usable(Number.parseInt(flags ?? '0', 16)) && name !== 'lo';
    return isDefault && name !== undefined ? [{ name, metric: Number.parseInt(metric ?? '0', 16) }] : [];
  });
}

function rows(files: InterfaceFiles, path: string): readonly (readonly string[])[] {
  return (files.read(path) ?? '').split('\n').map((line) => line.split(/[ \t]+/));
}
