import koffi from 'koffi';
import { createInterface } from 'node:readline';

// A child process in the sending namespace: it sends UDP datagrams to an address that the neighbour table leads to nobody,
// so that the receiving host drops them early. One system call hands over 64 messages of up to 64
// datagrams each, which the kernel cuts apart on the way out (UDP_SEGMENT with the interface's own segmentation off): the
// cheapest way to many real packets that needs no kernel module. Arguments: the first destination, and how many there are. It
// reads lines `FRAME_BYTES PACKETS RATE` and answers each with one JSON line.

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const messages_of_a_call = 64;
/** Ethernet, IPv4 and UDP headers. */
const header_bytes = 42;
const datagram_max_bytes = 65_507;
const never = new Int32Array(new SharedArrayBuffer(4));

const libc = koffi.load(null);
const socket = libc.func('int socket(int family, int type, int protocol)');
const setsockopt = libc.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t bytes)');
const sendmmsg = libc.func('int sendmmsg(int fd, void *messages, unsigned int count, int flags)');
const closeSocket = libc.func('int close(int fd)');

function checked(call: string, result: number): number {
  if (result < 0) throw new Error(`${call}: errno ${koffi.errno()}`);
  return result;
}

/** Where the frames of one call's messages go: one destination for all, or a window of many that moves on with each call. */
interface Destinations {
  /** `struct sockaddr_in`, one after the other, padded by 64 more that are the first ones again. */
  readonly addresses: Buffer;
  readonly count: number;
}

const address_bytes = 16;

/** `count` destinations: addresses upwards from the given one, each with a port of its own. */
function destinationsFrom(first: string, count: number): Destinations {
  const addresses = Buffer.alloc(address_bytes * (count + messages_of_a_call));
  const [high = 0, ...low] = first.split('.').map(Number);
  const start = low.reduce((sum, byte) => sum * 256 + byte, high);
  for (let index = 0; index < count + messages_of_a_call; index += 1) {
    const number = index % count;
    addresses.writeUInt16LE(AF_INET, address_bytes * index);
    addresses.writeUInt16BE(9999 + (number % 40_000), address_bytes * index + 2);
    addresses.writeUInt32BE(start + number, address_bytes * index + 4);
  }
  return { addresses, count };
}

function open(payload_bytes: number): number {
  const fd = checked('socket', socket(AF_INET, SOCK_DGRAM, 0));
  const segment = Buffer.alloc(4);
  segment.writeInt32LE(payload_bytes);
  checked('UDP_SEGMENT', setsockopt(fd, SOL_UDP, UDP_SEGMENT, segment, 4));
  return fd;
}

/**
 * Sends `packets` frames of `frame_bytes`, rounded up to whole calls; returns how many. At a rate (packets a second) a call hands over one message
 * only, so that they come evenly; 0 is as fast as it goes.
 */
function send(to: Destinations, frame_bytes: number, packets: number, rate: number): number {
  const payload = frame_bytes - header_bytes;
  const segments = Math.min(64, Math.floor(datagram_max_bytes / payload));
  const messages = rate === 0 ? messages_of_a_call : 1;
  const fd = open(payload);
  const bytes = Buffer.allocUnsafeSlow(payload * segments).fill(0x5a);
  const vectors = Buffer.alloc(16 * messages_of_a_call);
  const headers = Buffer.alloc(64 * messages_of_a_call);
  for (let index = 0; index < messages_of_a_call; index += 1) {
    vectors.writeBigUInt64LE(koffi.address(bytes), 16 * index);
    vectors.writeBigUInt64LE(BigInt(bytes.length), 16 * index + 8);
    headers.writeUInt32LE(address_bytes, 64 * index + 8);
    headers.writeBigUInt64LE(koffi.address(vectors) + BigInt(16 * index), 64 * index + 16);
    headers.writeBigUInt64LE(1n, 64 * index + 24);
  }
  const first = koffi.address(to.addresses);
  const aim = (window: number): void => {
    for (let index = 0; index < messages; index += 1) {
      headers.writeBigUInt64LE(first + BigInt(address_bytes * (window + index)), 64 * index);
    }
  };
  aim(0);
  const begun = performance.now();
  let [sent, window] = [0, 0];
  while (sent < packets) {
    sent += segments * checked('sendmmsg', sendmmsg(fd, headers, messages, 0));
    if (to.count > 1) aim((window = (window + messages) % to.count));
    const early_ms = rate === 0 ? 0 : (sent / rate) * 1000 - (performance.now() - begun);
    if (early_ms > 0) Atomics.wait(never, 0, 0, early_ms);
  }
  checked('close', closeSocket(fd));
  return bytes.length > 0 && vectors.length > 0 && to.addresses.length > 0 ? sent : 0;
}

const [destination = '', count = '1'] = process.argv.slice(2);
const to = destinationsFrom(destination, Number(count));
for await (const line of createInterface({ input: process.stdin })) {
  const [frame_bytes = 0, packets = 0, rate = 0] = line.split(' ').map(Number);
  const began = performance.now();
  const sent = send(to, frame_bytes, packets, rate);
  console.log(JSON.stringify({ sent, seconds: (performance.now() - began) / 1000 }));
}
