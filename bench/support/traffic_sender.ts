import koffi from 'koffi';
import { createInterface } from 'node:readline';

// A child process in the sending namespace: it sends UDP datagrams to an address that the neighbour table leads to nobody,
// so that the receiving host drops them early. One system call hands over 64 messages of up to 64
// datagrams each, which the kernel cuts apart on the way out (UDP_SEGMENT with the interface's own segmentation off): the
// cheapest way to many real packets that needs no kernel module. It reads lines `FRAME_BYTES PACKETS` and answers each with
// one JSON line.

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const messages_of_a_call = 64;
/** Ethernet, IPv4 and UDP headers. */
const header_bytes = 42;
const datagram_max_bytes = 65_507;

const libc = koffi.load(null);
const socket = libc.func('int socket(int family, int type, int protocol)');
const connect = libc.func('int connect(int fd, const void *address, uint32_t bytes)');
const setsockopt = libc.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t bytes)');
const sendmmsg = libc.func('int sendmmsg(int fd, void *messages, unsigned int count, int flags)');
const closeSocket = libc.func('int close(int fd)');

function checked(call: string, result: number): number {
  if (result < 0) throw new Error(`${call}: errno ${koffi.errno()}`);
  return result;
}

function open(destination: string, payload_bytes: number): number {
  const fd = checked('socket', socket(AF_INET, SOCK_DGRAM, 0));
  const address = Buffer.alloc(16);
  address.writeUInt16LE(AF_INET, 0);
  address.writeUInt16BE(9999, 2);
  address.set(destination.split('.').map(Number), 4);
  checked('connect', connect(fd, address, address.length));
  const segment = Buffer.alloc(4);
  segment.writeInt32LE(payload_bytes);
  checked('UDP_SEGMENT', setsockopt(fd, SOL_UDP, UDP_SEGMENT, segment, 4));
  return fd;
}

/** Sends `packets` frames of `frame_bytes`, rounded up to whole calls; returns how many. */
function send(destination: string, frame_bytes: number, packets: number): number {
  const payload = frame_bytes - header_bytes;
  const segments = Math.min(64, Math.floor(datagram_max_bytes / payload));
  const fd = open(destination, payload);
  const bytes = Buffer.allocUnsafeSlow(payload * segments).fill(0x5a);
  const vectors = Buffer.alloc(16 * messages_of_a_call);
  const headers = Buffer.alloc(64 * messages_of_a_call);
  for (let index = 0; index < messages_of_a_call; index += 1) {
    vectors.writeBigUInt64LE(koffi.address(bytes), 16 * index);
    vectors.writeBigUInt64LE(BigInt(bytes.length), 16 * index + 8);
    headers.writeBigUInt64LE(koffi.address(vectors) + BigInt(16 * index), 64 * index + 16);
    headers.writeBigUInt64LE(1n, 64 * index + 24);
  }
  let sent = 0;
  while (sent < packets) sent += segments * checked('sendmmsg', sendmmsg(fd, headers, messages_of_a_call, 0));
  checked('close', closeSocket(fd));
  return bytes.length > 0 && vectors.length > 0 ? sent : 0;
}

const [destination = ''] = process.argv.slice(2);
for await (const line of createInterface({ input: process.stdin })) {
  const [frame_bytes = 0, packets = 0] = line.split(' ').map(Number);
  const began = performance.now();
  const sent = send(destination, frame_bytes, packets);
  console.log(JSON.stringify({ sent, seconds: (performance.now() - began) / 1000 }));
}
