import { type Libpcap, loadLibpcap } from './binding.ts';
import { nameText } from './name_text.ts';
import { lastErrno, nativeBytes } from './native_bytes.ts';
import { raiseErrno } from './native_fault.ts';

// linux/sockios.h, linux/if.h: `struct ifreq` begins with the name, and has the number behind it.
const SIOCGIFNAME = 0x8910;
const ifreqBytes = 40;
const nameBytes = 16;
const ENODEV = 19;

/** The name of an interface by its number, in the network namespace of a socket; undefined where there is none (netdevice(7)). */
export function interfaceName(socket: number, ifindex: number, { libc }: Libpcap = loadLibpcap()): string | undefined {
  const request = nativeBytes(ifreqBytes);
  new DataView(request.buffer).setInt32(nameBytes, ifindex, true);
  if (libc.ioctl(socket, SIOCGIFNAME, request) === 0) {
    const name = request.subarray(0, nameBytes);
    return nameText(name.subarray(0, name.indexOf(0)));
  }
  return lastErrno() === ENODEV ? undefined : raiseErrno('ioctl');
}
