import { linkTypes } from '../../pcap/link_type.ts';

/**
 * The link types whose packets have in the index what libpcap's filters find in them. Of any other (and of PPP, whose header libpcap takes
 * for longer than it may be) the index has blocks and times, and not all keys: their segments are read whole.
 */
export const indexedLinktypes: ReadonlySet<number> = new Set([
  linkTypes.ethernet,
  linkTypes.linux_sll,
  linkTypes.linux_sll2,
  linkTypes.raw,
  linkTypes.raw_12,
  linkTypes.raw_14,
  linkTypes.ipv4,
  linkTypes.ipv6,
  linkTypes.null,
  linkTypes.loop,
]);
