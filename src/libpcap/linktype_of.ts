import { BatchMemory } from './batch_memory.ts';
import { type Libpcap, loadLibpcap } from './binding.ts';
import type { LiveHandle } from './live_handle.ts';

/**
 * The link type of a capture as files carry it (LINKTYPE_…, https://www.tcpdump.org/linktypes.html). libpcap's own number
 * (DLT_…) differs for some, raw IP among them; what it writes into a file's header is the one that holds everywhere.
 */
export function linktypeOf(handle: LiveHandle, native: Libpcap = loadLibpcap()): number {
  const memory = new BatchMemory(handle, { fill_bytes: 0, snaplen_bytes: 0 }, native);
  try {
    return headerLinktype(memory.fileHeader);
  } finally {
    memory.close();
  }
}

/** The link type in a pcap file header of this host's byte order. */
export function headerLinktype(header: Uint8Array): number {
  return new DataView(header.buffer, header.byteOffset).getUint32(20, true) & 0xffff;
}
