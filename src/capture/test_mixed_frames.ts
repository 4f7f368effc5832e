/** Bytes written out: numbers are bytes, strings are hexadecimal. */
function bytes(...parts: readonly (number | string | Uint8Array)[]): Uint8Array {
  return Buffer.concat(
    parts.map((part) =>
      typeof part === 'number' ? Uint8Array.of(part) : typeof part === 'string' ? Buffer.from(part, 'hex') : part,
    ),
  );
}

const addresses = '020000000001020000000002';
const u16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff);

function ipv4(protocol: number, payload: Uint8Array, fragment = 0): Uint8Array {
  const header = bytes(
    '4500',
    u16(20 + payload.length),
    '1234',
    u16(fragment),
    64,
    protocol,
    '0000',
    'c6336401c6336402',
  );
  return bytes(header, payload);
}

function ipv6(next: number, payload: Uint8Array): Uint8Array {
  return bytes(
    '60000000',
    u16(payload.length),
    next,
    64,
    '20010db8000000000000000000000001',
    '20010db8000000000000000000000002',
    payload,
  );
}

const udp = (length: number): Uint8Array =>
  bytes(u16(5353), u16(53), u16(8 + length), '0000', new Uint8Array(length).fill(0x61));
const tcp: Uint8Array = bytes(u16(40000), u16(443), '0000000100000002', '5018', 'ffff', '0000', '0000', '48656c6c6f');
const sctp: Uint8Array = bytes(
  u16(2905),
  u16(2905),
  '00000001',
  '00000000',
  '00030010',
  '0000000100000002',
  '00000000',
  '61',
);

/**
 * Frames of many kinds: IPv4 and IPv6 with UDP, TCP, SCTP, GRE and ICMP, fragments, tagged once, twice and three times, jumbo
 * frames, an 802.3 length, and frames that are too short or wrong.
 */
export function mixedFrames(): Uint8Array[] {
  const packets: [number, Uint8Array][] = [
    [0x0800, ipv4(17, udp(20))],
    [0x0800, ipv4(6, tcp)],
    [0x0800, ipv4(132, sctp)],
    [0x0800, ipv4(1, bytes('0800f7ff00000000'))],
    [0x0800, ipv4(47, bytes('00000800', ipv4(17, udp(30))))],
    [0x0800, ipv4(17, udp(40), 0x2000)],
    [0x0800, ipv4(17, new Uint8Array(64).fill(7), 0x0006)],
    [0x86dd, ipv6(17, udp(20))],
    [0x86dd, ipv6(6, tcp)],
    [0x86dd, ipv6(44, bytes(17, 0, u16(1), '00000001', udp(24)))],
    [0x0806, bytes('0001080006040001', addresses.slice(12), 'c6336401', '000000000000', 'c6336402')],
  ];
  const tags = ['', '81000064', '88a800c881000064', '8100000181000002', '88a800018100000281000003'];
  const frames = tags.flatMap((tag) => packets.map(([type, packet]) => bytes(addresses, tag, u16(type), packet)));
  return [
    ...frames,
    // Jumbo.
    bytes(addresses, '0800', ipv4(17, udp(8000))),
    bytes(addresses, '8100000a', '86dd', ipv6(17, udp(8900))),
    // 802.3: a length in place of a type.
    bytes(addresses, u16(3), '424203', new Uint8Array(43)),
    // Runts: a header alone, a header and a byte, IPv4 that ends too early, also behind a tag. (A frame that ends within its
    // tag is dropped by the kernel before any capture sees it.)
    bytes(addresses, '0800'),
    bytes(addresses, '0800', 0x45),
    bytes(addresses, '0800', '4f00'),
    bytes(addresses, '81000064', '0800', '4500'),
    // A header length and a total length that cannot be, and no known type.
    bytes(addresses, '0800', '41000000', new Uint8Array(42)),
    bytes(addresses, '0800', '4500ffff', new Uint8Array(42).fill(0xff)),
    bytes(addresses, 'ffff', new Uint8Array(46)),
  ];
}
