import { createInnerPackets, findInnerPackets } from '../pcap/inner_packets.ts';
import { createPeek, peekPacket } from '../pcap/peek.ts';

/** Does a packet match? Its `captured` bytes are at `offset` of a memory that a query's predicates share; on the wire it had `original`. */
export type PacketPredicate = (offset: number, captured: number, original: number) => boolean;

/** What packets of one link type are judged by where inner packets count too. */
export interface InnerPredicates {
  /** The whole filter, for the packet as it is; absent where none of this link type can match. */
  readonly filter?: PacketPredicate;
  /** The account's scope, for the packet as it is. */
  readonly scope: PacketPredicate;
  /** The filter without the scope, for an IP packet by itself (link type RAW). */
  readonly inner: PacketPredicate;
}

/**
 * Makes the predicate "the packet matches, or it is within the scope and an IP packet further in matches as if it had been captured
 * alone". What an account may see is decided by the outside only. `view` is of the memory that the predicates read.
 */
export function matchInner(linktype: number, view: DataView, predicates: InnerPredicates): PacketPredicate {
  const { filter, scope, inner } = predicates;
  const peek = createPeek();
  const found = createInnerPackets();
  return (offset, captured, original) => {
    if (filter?.(offset, captured, original) === true) return true;
    peekPacket(linktype, view, offset, captured, peek);
    findInnerPackets(view, offset, captured, peek, found);
    if (found.count === 0 || !scope(offset, captured, original)) return false;
    for (let index = 0; index < found.count; index++) {
      const at = found.offsets[index] ?? offset;
      const outside = at - offset;
      if (inner(at, captured - outside, original - outside)) return true;
    }
    return false;
  };
}
