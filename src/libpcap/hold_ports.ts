import { type Libpcap, loadLibpcap } from './binding.ts';
import { nativeBytes } from './native_bytes.ts';

// sys/socket.h, netinet/in.h
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0x8_0000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;

/** TCP ports that follow one another and are nobody else's. */
export interface HeldPorts {
  readonly first: number;
  readonly last: number;
  /** Gives them back. */
  close(): void;
}

/** Above what the kernel gives out by default (32,768 to 60,999), then below it. */
const places = [
  { first: 61_024, last: 65_503 },
  { first: 20_000, last: 32_735 },
];

/**
 * Holds `count` TCP ports as source ports for this process: each is bound by a socket that never listens, so the kernel gives it to nobody
 * who leaves the choice to it, and a connection can be bound to it by its number. Undefined where there are none, or no open files for them.
 */
export function holdPorts(count: number, { libc }: Libpcap = loadLibpcap()): HeldPorts | undefined {
  const hold = (port: number): number | undefined => {
    for (const family of [AF_INET6, AF_INET]) {
      const socket = libc.socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
      // Without IPv6 there is the other one.
      if (socket < 0) continue;
      const address = nativeBytes(family === AF_INET6 ? 28 : 16);
      new DataView(address.buffer).setUint16(0, family, true);
      new DataView(address.buffer).setUint16(2, port);
      // Bound alone, and from then on with the connections of this process.
      const one = nativeBytes(4);
      one[0] = 1;
      const bound =
        libc.bind(socket, address, address.length) === 0 &&
        libc.setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, one, one.length) === 0;
      if (bound) return socket;
      libc.close(socket);
      return undefined;
    }
    return undefined;
  };
  for (const place of places) {
    for (let first = place.last + 1 - count; first >= place.first; first -= count) {
      const sockets: number[] = [];
      const close = (): void => {
        for (const socket of sockets.splice(0)) libc.close(socket);
      };
      for (let port = first; port < first + count; port += 1) {
        const socket = hold(port);
        if (socket === undefined) break;
        sockets.push(socket);
      }
      if (sockets.length === count) return { first, last: first + count - 1, close };
      close();
    }
  }
  return undefined;
}
