import { parseIp } from './ip_address.ts';

const mapped_zeros = 10;
const network_bytes = 8;

/**
 * What counts as one client address: an IPv4 address, in whatever form it comes, or the network of 64 bits that an IPv6 address is in, of
 * which one host can have them all. A text that is no address stands for itself.
 */
export function addressGroup(address: string): string {
  const bytes = parseIp(address.split('%', 1)[0] ?? '');
  if (bytes === undefined) return address;
  if (bytes.length === 4) return bytes.join('.');
  const isMapped =
    bytes.subarray(0, mapped_zeros).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  if (isMapped) return bytes.subarray(12).join('.');
  return [...bytes.subarray(0, network_bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
