import type { HostInterface } from '../libpcap/interfaces.ts';

/** What of the host is asked. */
export interface InterfaceSource {
  list(): readonly HostInterface[];
  /** The interface that the default route leads through. */
  defaultRoute(): string | undefined;
  /** The number of the interface that has this alternative name. */
  alternative(name: string): number | undefined;
}

/** The interfaces that the settings want. */
export interface WantedInterfaces {
  /** Those that are there now, the oldest first. */
  present(): readonly HostInterface[];
  /** The names of the settings that nothing has now. */
  missing(): readonly string[];
  /** The names to be sampled whatever is there: of an interface, or as they are set where there is none. */
  awaited(): readonly string[];
  /** Is this interface to be taken again as soon as it is there, however long it is away? */
  isAwaited(name: string): boolean;
}

/** Finds the interfaces of a setting, again at each call. A name of the settings may be an interface's own or an alternative one. */
export function wantedInterfaces(
  wanted: readonly string[] | 'all' | 'default',
  source: InterfaceSource,
): WantedInterfaces {
  /** The interface that a name of the settings led to last. */
  const led = new Map<string, string>();

  const look = (): { readonly found: ReadonlyMap<string, HostInterface>; readonly all: readonly HostInterface[] } => {
    const all = source.list().toSorted((one, other) => one.ifindex - other.ifindex);
    const names = wanted === 'default' ? [source.defaultRoute() ?? 'lo'] : wanted === 'all' ? [] : wanted;
    const found = new Map<string, HostInterface>();
    for (const name of names) {
      const own = all.find((port) => port.name === name);
      const index = own === undefined ? source.alternative(name) : own.ifindex;
      const port = all.find((one) => one.ifindex === index);
      if (port !== undefined) found.set(name, port);
    }
    for (const [name, port] of found) led.set(name, port.name);
    return { found, all };
  };
  const missing = (): readonly string[] => {
    if (typeof wanted === 'string') return [];
    const { found } = look();
    return wanted.filter((name) => !found.has(name));
  };
  return {
    present: () => {
      const { found, all } = look();
      // What a host says to itself is for those who name it.
      if (wanted === 'all') return all.filter((port) => port.up && !port.loopback);
      const numbers = new Set([...found.values()].map((port) => port.ifindex));
      return all.filter((port) => numbers.has(port.ifindex));
    },
    missing,
    awaited: () => {
      if (typeof wanted === 'string') return [];
      const { found } = look();
      return wanted.map((name) => found.get(name)?.name ?? name);
    },
    isAwaited: (name) =>
      typeof wanted !== 'string' && (wanted.includes(name) || wanted.some((one) => led.get(one) === name)),
  };
}
