import { type Libpcap, loadLibpcap } from './binding.ts';
import { nameBytes } from './name_text.ts';
import { nativeBytes } from './native_bytes.ts';
import { checked } from './native_fault.ts';

// sys/socket.h, linux/netlink.h, linux/rtnetlink.h, linux/if_link.h
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0x8_0000;
const NLM_F_REQUEST = 1;
const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const IFLA_EXT_MASK = 29;
const IFLA_ALT_IFNAME = 53;
const RTEXT_FILTER_SKIP_STATS = 8;
const header_bytes = 32;
/** `ALTIFNAMSIZ`, with the zero byte at its end. */
const name_max_bytes = 128;

/**
 * The number of the interface that has this alternative name (`ip link property add … altname …`) in this host's network namespace, or
 * this name; undefined where none has.
 *
 * @throws FaultError `native_call_failed`, as where no more files can be opened; `libpcap_missing`
 */
export function alternativeIndex(name: string, { libc }: Libpcap = loadLibpcap()): number | undefined {
  const bytes = nameBytes(name);
  if (bytes.length === 0 || bytes.length >= name_max_bytes) return undefined;
  const request = requestFor(bytes);
  const answer = nativeBytes(65_536);
  const socket = checked('socket', libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
  try {
    checked('write', Number(libc.write(socket, request, request.length)));
    checked('read', Number(libc.read(socket, answer, answer.length)));
  } finally {
    libc.close(socket);
  }
  const view = new DataView(answer.buffer);
  // Anything else says that there is none, or that the kernel is older than such names (5.5).
  return view.getUint16(4, true) === RTM_NEWLINK ? view.getInt32(20, true) : undefined;
}

/** `struct nlmsghdr` and `struct ifinfomsg`, then what is wanted and the name. */
function requestFor(name: Uint8Array): Uint8Array<ArrayBuffer> {
  const mask_bytes = 8;
  const attribute_bytes = 4 + name.length + 1;
  const request = nativeBytes(header_bytes + mask_bytes + Math.ceil(attribute_bytes / 4) * 4);
  const view = new DataView(request.buffer);
  view.setUint32(0, request.length, true);
  view.setUint16(4, RTM_GETLINK, true);
  view.setUint16(6, NLM_F_REQUEST, true);
  view.setUint16(header_bytes, mask_bytes, true);
  view.setUint16(header_bytes + 2, IFLA_EXT_MASK, true);
  view.setUint32(header_bytes + 4, RTEXT_FILTER_SKIP_STATS, true);
  view.setUint16(header_bytes + mask_bytes, attribute_bytes, true);
  view.setUint16(header_bytes + mask_bytes + 2, IFLA_ALT_IFNAME, true);
  request.set(name, header_bytes + mask_bytes + 4);
  return request;
}
