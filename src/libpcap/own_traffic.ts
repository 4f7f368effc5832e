import { type IpNetwork, parseNetwork } from '../model/ip_address.ts';

/** TCP ports of edgetap on addresses of this host: what goes to or from one of these ports on one of these addresses is its own. */
export interface OwnPorts {
  /** First and last of each range. */
  readonly ports: readonly (readonly [first: number, last: number])[];
  /** IPv4 and IPv6, as `127.0.0.0/8` or `2001:db8::1`. */
  readonly addresses: readonly string[];
}

/** The same, ready to make a filter of. */
export interface OwnTraffic {
  readonly ports: OwnPorts['ports'];
  /** `any` where there are too many to name them all in each filter: then the ports are edgetap's on every address. */
  readonly ipv4: readonly IpNetwork[] | 'any';
  readonly ipv6: readonly IpNetwork[] | 'any';
}

/** So many addresses of a family are named in a filter at most. */
export const own_addresses_max = { ipv4: 64, ipv6: 12 } as const;

/** So many ranges of ports each group has at most. */
export const own_ports_max = 4;

/** Of so many groups of ports, each with addresses of its own, a filter can be made. */
export const own_groups_max = 3;

const header_bytes = 8;
const capacity_bytes = 64 << 10;

/**
 * What of the traffic of this host is edgetap's own, in memory that all threads share: one of them keeps it current, the others look
 * whether it has changed. Each makes its own object over the same `shared`.
 */
export class OwnTrafficBoard {
  readonly shared: SharedArrayBuffer;
  readonly #head: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(header_bytes + capacity_bytes)) {
    this.shared = shared;
    this.#head = new Int32Array(shared, 0, 2);
    this.#bytes = new Uint8Array(shared, header_bytes);
  }

  /** Changes with every change of what is own; odd while it is being written. */
  get version(): number {
    return Atomics.load(this.#head, 0);
  }

  /** Writes what is own from now on; true where that is something else than before. For one thread only. */
  write(groups: readonly OwnPorts[]): boolean {
    const text = new TextEncoder().encode(JSON.stringify(groups.slice(0, own_groups_max)));
    const before = this.#bytes.subarray(0, Atomics.load(this.#head, 1));
    if (text.length === before.length && text.every((byte, index) => byte === before[index])) return false;
    if (text.length > capacity_bytes) throw new RangeError(`${text.length} bytes of own addresses are too many`);
    Atomics.add(this.#head, 0, 1);
    this.#bytes.set(text);
    Atomics.store(this.#head, 1, text.length);
    Atomics.add(this.#head, 0, 1);
    return true;
  }

  /** What is own, and the version that this is. */
  read(): { readonly version: number; readonly groups: readonly OwnTraffic[] } {
    for (;;) {
      const version = this.version;
      const text = new TextDecoder().decode(this.#bytes.slice(0, Atomics.load(this.#head, 1)));
      // Written meanwhile: it takes microseconds.
      if (version % 2 !== 0 || this.version !== version) continue;
      const groups = text === '' ? [] : (JSON.parse(text) as readonly OwnPorts[]);
      return { version, groups: groups.map(readyForFilter) };
    }
  }
}

function readyForFilter({ ports, addresses }: OwnPorts): OwnTraffic {
  const networks = addresses.map(parseNetwork).filter((network) => network !== undefined);
  const ipv4 = networks.filter(({ address }) => address.length === 4);
  const ipv6 = networks.filter(({ address }) => address.length === 16);
  return {
    ports,
    ipv4: ipv4.length > own_addresses_max.ipv4 ? 'any' : ipv4,
    ipv6: ipv6.length > own_addresses_max.ipv6 ? 'any' : ipv6,
  };
}
