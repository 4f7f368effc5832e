/** An IP address as its bytes in network order: 4 of them for IPv4, 16 for IPv6. */
export type IpBytes = Uint8Array;

/** A network: an address with its host bits zero, and the number of leading bits that count. */
export interface IpNetwork {
  readonly address: IpBytes;
  readonly prefix_bits: number;
}

const octet = /^(?:0|[1-9]\d{0,2})$/;
const group = /^[0-9a-f]{1,4}$/i;

/**
 * Reads an IPv4 address of four decimal numbers, or an IPv6 address (RFC 4291 section 2.2, all three forms; a zone
 * (`%eth0`) is dropped). Undefined for everything else, octal, hexadecimal and shortened IPv4 included.
 */
export function parseIp(text: string): IpBytes | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

/** Reads `address/bits`, or an address alone as the network of just itself. Undefined unless the host bits are zero. */
export function parseNetwork(text: string): IpNetwork | undefined {
  const slash = text.indexOf('/');
  const address = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  const bits = slash < 0 ? String(address.length * 8) : text.slice(slash + 1);
  const prefix_bits = octet.test(bits) ? Number(bits) : Number.NaN;
  if (!(prefix_bits <= address.length * 8)) return undefined;
  const network = { address, prefix_bits };
  return address.every((byte, index) => (byte & ~maskByte(prefix_bits, index) & 0xff) === 0) ? network : undefined;
}

/** Is the address in the network? Never across families. */
export function networkHas({ address: base, prefix_bits }: IpNetwork, address: IpBytes): boolean {
  if (base.length !== address.length) return false;
  return base.every((byte, index) => byte === ((address[index] ?? 0) & maskByte(prefix_bits, index)));
}

function maskByte(prefix_bits: number, index: number): number {
  const bits = Math.min(8, Math.max(0, prefix_bits - index * 8));
  return (0xff00 >> bits) & 0xff;
}

function parseIpv4(text: string): IpBytes | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => octet.test(part) && Number(part) <= 255)) return undefined;
  return Uint8Array.from(parts, Number);
}

function parseIpv6(text: string): IpBytes | undefined {
  const bare = /^([^%]*)(?:%.+)?$/s.exec(text)?.[1] ?? '';
  const halves = bare.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const last = (tail ?? head ?? []).at(-1);
  const dotted = last?.includes('.') === true ? parseIpv4(last) : undefined;
  if (last?.includes('.') === true) {
    if (dotted === undefined) return undefined;
    (tail ?? head)?.splice(-1, 1, ...hexOf(dotted));
  }
  const groups = [head ?? [], tail ?? []];
  if (!groups.flat().every((one) => group.test(one))) return undefined;
  const missing = 8 - groups.flat().length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const values = [...(groups[0] ?? []), ...Array.from({ length: missing }, () => '0'), ...(groups[1] ?? [])];
  return Uint8Array.from(values.flatMap((one) => [parseInt(one, 16) >> 8, parseInt(one, 16) & 0xff]));
}

/** The two last groups of an IPv6 address that were written as an IPv4 address. */
function hexOf(dotted: IpBytes): [string, string] {
  const [a = 0, b = 0, c = 0, d = 0] = dotted;
  return [((a << 8) | b).toString(16), ((c << 8) | d).toString(16)];
}
