import { type Libpcap, loadLibpcap } from './binding.ts';
import { hostFiles, type InterfaceFiles } from './interfaces.ts';
import { addressOf, nativeBytes } from './native_bytes.ts';
import { checked } from './native_fault.ts';

// sys/socket.h, linux/sockios.h
const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0x8_0000;
const SIOCGIFCONF = 0x8912;
/** `struct ifreq`: 16 bytes of name, then `struct sockaddr_in`, whose address is 4 bytes behind its begin. */
const request_bytes = 40;
const address_at = 16 + 4;
/** Room for some 1,600 addresses. */
const answer_bytes = 64 << 10;

/**
 * Networks of which every address is this host's: each address of each of its interfaces, whether that is up or not, and those that every
 * host has: 127.0.0.0/8, and fe80::/10 for all link-local ones. (Not those that are only routed to it: `ip route add local …`.) Sources:
 * netdevice(7), SIOCGIFCONF, and /proc/net/if_inet6.
 *
 * @throws FaultError `native_call_failed`, `interfaces_unreadable`, as where no more files can be opened
 */
export function hostAddresses(files: Pick<InterfaceFiles, 'read'> = hostFiles): readonly string[] {
  const own = [...ipv4Addresses(), ...ipv6Addresses(files)].filter(
    (text) => !text.startsWith('127.') && !/^fe[89ab]/.test(text),
  );
  return ['127.0.0.0/8', '::1', 'fe80::/10', ...new Set(own.filter((text) => text !== '::1'))];
}

function ipv4Addresses({ libc }: Libpcap = loadLibpcap()): readonly string[] {
  const answer = nativeBytes(answer_bytes);
  // struct ifconf: a length in 32 bits, padding, and the address of the room.
  const request = nativeBytes(16);
  const view = new DataView(request.buffer);
  view.setInt32(0, answer.length, true);
  view.setBigUint64(8, addressOf(answer), true);
  const socket = checked('socket', libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  try {
    checked('ioctl', libc.ioctl(socket, SIOCGIFCONF, request));
  } finally {
    libc.close(socket);
  }
  return Array.from({ length: Math.floor(view.getInt32(0, true) / request_bytes) }, (_, index) => {
    const at = index * request_bytes + address_at;
    return [...answer.subarray(at, at + 4)].join('.');
  });
}

/** Columns: address (32 hexadecimal digits), number of the interface, prefix length, scope, flags, name. */
function ipv6Addresses(files: Pick<InterfaceFiles, 'read'>): readonly string[] {
  return (files.read('/proc/net/if_inet6') ?? '').split('\n').flatMap((line) => {
    const digits = /^[0-9a-f]{32}(?= )/.exec(line)?.[0];
    if (digits === undefined) return [];
    const groups = digits.match(/.{4}/g) ?? [];
    return [/^0{31}1$/.test(digits) ? '::1' : groups.map((group) => group.replace(/^0{1,3}/, '')).join(':')];
  });
}
