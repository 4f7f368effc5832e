import { type FoundPackets, takeMpls, takePppoe } from './carried_ip.ts';
import { etherTypes } from './link_header.ts';
import { createPeek, type Peek, peekIp } from './peek.ts';
import { takeTunnel } from './tunnel_payload.ts';

/** IP packets further in than the one that filters see. At most two: one behind labels or a session, and one in its tunnel. */
export interface InnerPackets extends FoundPackets {
  /** What the search itself uses: the headers of the packet behind labels or a session. */
  readonly carried: Peek;
}

/** Inner packets to be filled over and over. */
export function createInnerPackets(): InnerPackets {
  return { count: 0, offsets: new Int32Array(2), versions: new Uint8Array(2), carried: createPeek() };
}

/**
 * Finds the IP packets behind a stack of MPLS labels or in a PPPoE session, and in one level of tunnel: IP in IP, GRE (with PPTP and
 * ERSPAN), VXLAN, Geneve, GTP-U. `peek` is what `peekPacket` found in the same `length` captured bytes at `offset`. No header
 * is trusted: nothing outside of the packet is read, and a packet of any content is only one with less to find. A fragment that is not the
 * first carries no tunnel. An inner packet may be cut off anywhere behind its first byte.
 */
export function findInnerPackets(view: DataView, offset: number, length: number, peek: Peek, out: InnerPackets): void {
  out.count = 0;
  const end = offset + length;
  switch (peek.network) {
    case etherTypes.ipv4:
    case etherTypes.ipv6:
      takeTunnel(view, end, peek, out);
      return;
    case etherTypes.mpls:
    case etherTypes.mpls_upstream:
      takeMpls(view, peek.network_offset, end, out);
      break;
    case etherTypes.pppoe_session:
      takePppoe(view, peek.network_offset, end, out);
      break;
    default:
      return;
  }
  const at = out.offsets[0];
  if (out.count === 0 || at === undefined) return;
  peekIp(out.versions[0] === 4 ? 4 : 6, view, at, end - at, out.carried);
  takeTunnel(view, end, out.carried, out);
}
