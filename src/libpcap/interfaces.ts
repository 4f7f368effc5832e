import { readdirSync, readFileSync } from 'node:fs';
import { FaultError, raise } from '../model/errors/fault.ts';
import type { InterfaceRef } from './live_handle.ts';
import { nameBytes, nameText } from './name_text.ts';
import { errnoText } from './native_fault.ts';

const IFF_UP = 0x1;
const IFF_LOOPBACK = 0x8;
const classDirectory = '/sys/class/net';

/** A network interface of this host. */
export interface HostInterface extends InterfaceRef {
  /** Hardware type (ARPHRD_… of linux/if_arp.h): 1 Ethernet, 772 loopback, 65534 none (tun, wireguard). */
  readonly arphrd: number;
  /** Switched on. */
  readonly up: boolean;
  readonly loopback: boolean;
  /** Hardware address, `02:fc:00:00:00:01`; left out where the interface has none. */
  readonly mac?: string;
}

/** The files that tell of interfaces: sysfs and procfs, or what a test has in their place. Names are texts as `nameText` has them. */
export interface InterfaceFiles {
  /** Names in a directory; empty where there is no such directory. Throws `interfaces_unreadable` where it cannot be read. */
  list(directory: string): readonly string[];
  /** A file's text; undefined where there is none: an interface may go away while it is being read. Throws `interfaces_unreadable`. */
  read(path: string): string | undefined;
}

/** The files of this host. */
export const hostFiles: InterfaceFiles = {
  list(directory) {
    try {
      return readdirSync(directory, { encoding: 'buffer' }).map(nameText);
    } catch (error) {
      return gone(error, []);
    }
  },
  read(path) {
    try {
      return nameText(readFileSync(Buffer.from(nameBytes(path))));
    } catch (error) {
      return gone(error, undefined);
    }
  },
};

/** What stands for a file that is not there, or whose interface has just gone. What cannot be read for another reason is no absence. */
function gone<T>(error: unknown, nothing: T): T {
  const { code, errno } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  // EINVAL is sysfs's word for an attribute that this kind of interface does not have.
  if (['ENOENT', 'ENODEV', 'ENOTDIR', 'EINVAL'].includes(code ?? '')) return nothing;
  const reason = errno === undefined ? String(error) : errnoText(Math.abs(errno));
  return raise('interfaces_unreadable', { reason }, { cause: error });
}

/**
 * All interfaces of this host's network namespace, by ascending number. Source: Documentation/ABI/testing/sysfs-class-net.
 *
 * @throws FaultError `interfaces_unreadable`, as where no more files can be opened
 */
export function listInterfaces(files: InterfaceFiles = hostFiles): readonly HostInterface[] {
  return files
    .list(classDirectory)
    .flatMap((name) => readInterface(name, files) ?? [])
    .sort((one, other) => one.ifindex - other.ifindex);
}

/** The interface of this name, as it is now; undefined where there is none. */
export function interfaceNamed(name: string, files: InterfaceFiles = hostFiles): HostInterface | undefined {
  return name === '' || name.includes('/') || name.startsWith('.') ? undefined : readInterface(name, files);
}

/**
 * Packets that the interface itself has lost since it exists, for want of room, before any filter (`rx_missed_errors` and
 * `rx_fifo_errors`, as libpcap's `ps_ifdrop`). Undefined where it does not say, and where its name is another's by now.
 */
export function interfaceDrops({ name, ifindex }: InterfaceRef, files: InterfaceFiles = hostFiles): bigint | undefined {
  const read = (file: string): string | undefined => readLeniently(files, `${classDirectory}/${name}/${file}`);
  const counters = ['rx_missed_errors', 'rx_fifo_errors'].map((counter) => read(`statistics/${counter}`));
  if (Number(read('ifindex')) !== ifindex) return undefined;
  return counters.reduce<bigint | undefined>(
    (sum, counter) => (sum === undefined || counter === undefined ? undefined : sum + BigInt(counter)),
    0n,
  );
}

/** A figure that is only worth knowing: where it cannot be read it is not known. */
function readLeniently(files: InterfaceFiles, path: string): string | undefined {
  try {
    return files.read(path)?.trim();
  } catch (error) {
    if (error instanceof FaultError) return undefined;
    throw error;
  }
}

function readInterface(name: string, files: InterfaceFiles): HostInterface | undefined {
  const [ifindex, arphrd, flags, address] = ['ifindex', 'type', 'flags', 'address'].map((attribute) =>
    files.read(`${classDirectory}/${name}/${attribute}`)?.trim(),
  );
  // `bonding_masters` is a file among the interfaces.
  if (ifindex === undefined || arphrd === undefined || flags === undefined) return undefined;
  const mac = address === undefined || /^(?:00:?)*$/.test(address) ? {} : { mac: address };
  return {
    name,
    ifindex: Number(ifindex),
    arphrd: Number(arphrd),
    up: (Number(flags) & IFF_UP) !== 0,
    loopback: (Number(flags) & IFF_LOOPBACK) !== 0,
    ...mac,
  };
}
