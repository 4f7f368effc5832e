/** Link types that edgetap knows, by their LINKTYPE_ number as files carry it (https://www.tcpdump.org/linktypes.html). */
export const linkTypes = {
  /** BSD loopback: an address family in the byte order of the host that captured. */
  null: 0,
  ethernet: 1,
  ppp: 9,
  /** Raw IP as two operating systems number it in files of their own. */
  raw_12: 12,
  raw_14: 14,
  raw: 101,
  /** OpenBSD loopback: an address family in network byte order. */
  loop: 108,
  linux_sll: 113,
  ipv4: 228,
  ipv6: 229,
  linux_sll2: 276,
} as const;
