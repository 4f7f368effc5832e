import { parseIp } from '../model/ip_address.ts';

/** An IPv4 or IPv6 network; a single address is a network with the longest prefix. */
export interface Network {
  readonly family: 4 | 6;
  /** 4 or 16 bytes in network order; the bits after the prefix are zero. */
  readonly bytes: Uint8Array;
  /** 0 to 32 (IPv4), 0 to 128 (IPv6). */
  readonly prefix_bits: number;
}

const decimal = /^(?:0|[1-9][0-9]{0,2})$/;

/**
 * Reads an address (`192.0.2.1`, `2001:db8::1`) or a network in CIDR form (`192.0.2.0/24`, `2001:db8::/32`); host bits are
 * zeroed. Strict: four decimal numbers without leading zeros for IPv4, the forms of RFC 4291 section 2.2 for IPv6, and neither
 * zone, netmask nor blanks. IPv4-mapped addresses (`::ffff:192.0.2.1`, with a prefix of 96 or more) become IPv4, because
 * that is what such packets are on the wire. Undefined for any other text.
 */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/');
  const bytes = parseAddress(slash === -1 ? text : text.slice(0, slash));
  if (bytes === undefined) return undefined;
  const width_bits = bytes.length * 8;
  const prefix_text = slash === -1 ? String(width_bits) : text.slice(slash + 1);
  if (!decimal.test(prefix_text) || Number(prefix_text) > width_bits) return undefined;
  const prefix_bits = Number(prefix_text);
  if (prefix_bits >= 96 && isMapped(bytes)) return networkOf(bytes.slice(12), prefix_bits - 96);
  return networkOf(bytes, prefix_bits);
}

/**
 * Reads one address, IPv4 to 4 bytes and IPv6 to 16, with the strictness of `parseNetwork` and without its change of
 * IPv4-mapped ones. Undefined for any other text.
 */
export function parseAddress(text: string): Uint8Array | undefined {
  // A zone names an interface of this host; no packet carries one.
  return text.includes('%') ? undefined : parseIp(text);
}

/** Writes a network: `192.0.2.0/24`; without the prefix where it names one address. IPv6 as in RFC 5952 section 4. */
export function networkText(of: Network): string {
  const address = addressText(of.bytes);
  return of.prefix_bits === of.bytes.length * 8 ? address : `${address}/${of.prefix_bits}`;
}

/** Writes the 4 or 16 bytes of an address; IPv6 as in RFC 5952 section 4. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0));
  const gap = longestZeros(groups);
  const text = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return gap === undefined ? text(0, 8) : `${text(0, gap.from)}::${text(gap.to, 8)}`;
}

/** Is every address of `inner` in `outer`? */
export function contains(outer: Network, inner: Network): boolean {
  if (outer.family !== inner.family || outer.prefix_bits > inner.prefix_bits) return false;
  const masked = zeroHostBits(inner.bytes, outer.prefix_bits);
  return outer.bytes.every((byte, index) => byte === masked[index]);
}

/** The network that an address of 4 or 16 bytes is in, by the bits of its prefix. */
export function networkOf(bytes: Uint8Array, prefix_bits: number): Network {
  return { family: bytes.length === 4 ? 4 : 6, bytes: zeroHostBits(bytes, prefix_bits), prefix_bits };
}

function zeroHostBits(bytes: Uint8Array, prefix_bits: number): Uint8Array {
  return bytes.map((byte, index) => byte & (0xff00 >> Math.min(8, Math.max(0, prefix_bits - index * 8))));
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes.length === 16 && bytes.subarray(0, 12).every((byte, index) => byte === (index < 10 ? 0 : 0xff));
}

/** The first longest run of two or more zero groups. */
function longestZeros(groups: readonly number[]): { readonly from: number; readonly to: number } | undefined {
  let longest: { from: number; to: number } | undefined;
  for (let from = 0; from < groups.length; from++) {
    let to = from;
    while (groups[to] === 0) to++;
    if (to - from > Math.max(1, longest === undefined ? 0 : longest.to - longest.from)) longest = { from, to };
  }
  return longest;
}
