import { execFile } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';

import { enterNamespace } from './enter_namespace.ts';
import { if_nametoindex, ioctl, lastError } from './libc.ts';
import { quietLink } from './quiet_link.ts';
import { sweepTestLinks, testLinkName } from './test_link_name.ts';

const run = promisify(execFile);

// linux/if_tun.h
const TUNSETIFF = 0x400454ca;
const TUNSETLINK = 0x400454cd;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;

/** What the device should be like. */
export interface TunDeviceOptions {
  /**
   * ARPHRD type (linux/if_arp.h) to claim; the default 65534 (NONE) is captured as raw IP. 512 (PPP) is one that libpcap
   * captures cooked, as Linux SLL.
   */
  readonly arphrd?: number;
  readonly mtu?: number;
  /** A named network namespace to make it in; this process's own by default. */
  readonly namespace?: string;
}

/** A point-to-point interface without Ethernet headers, whose other end is this object. */
export interface TunDevice {
  readonly name: string;
  readonly ifindex: number;
  readonly namespace: string | undefined;
  /** Makes the interface receive one packet: IPv4 or IPv6 from its first byte (the kernel refuses anything else with EINVAL). */
  write(packet: Uint8Array): void;
  /** Takes the interface away. */
  close(): void;
}

/** Makes a tun device (tuntap.rst of the kernel) and sets it up; it is silent by itself. Needs root. */
export async function createTunDevice(options: TunDeviceOptions = {}): Promise<TunDevice> {
  await sweepTestLinks();
  const { namespace } = options;
  const name = `${testLinkName()}t`;
  const fd = enterNamespace(namespace, () => openTun(name, options.arphrd));
  try {
    quietLink(name, namespace);
    const into = namespace === undefined ? [] : ['-n', namespace];
    await run('ip', [...into, 'link', 'set', 'dev', name, 'mtu', String(options.mtu ?? 1500), 'up']);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return {
    name,
    ifindex: enterNamespace(namespace, () => if_nametoindex(name)),
    namespace,
    write: (packet) => void writeSync(fd, packet),
    close: () => closeSync(fd),
  };
}

function openTun(name: string, arphrd: number | undefined): number {
  const fd = openSync('/dev/net/tun', 'r+');
  try {
    const request = Buffer.alloc(40);
    request.write(name, 0, 15, 'latin1');
    request.writeUInt16LE(IFF_TUN | IFF_NO_PI, 16);
    if (ioctl(fd, TUNSETIFF, request) !== 0) throw lastError(`TUNSETIFF ${name}`);
    if (arphrd !== undefined && ioctl(fd, TUNSETLINK, arphrd) !== 0) throw lastError(`TUNSETLINK ${name} ${arphrd}`);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
