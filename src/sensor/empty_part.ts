import type { Spool } from '../capture/spool.ts';
import { encodePcapHeader } from '../pcap/pcap_header.ts';
import { linkTypes } from '../pcap/link_type.ts';

/** Makes the file of a part that was stopped before it began: a header, and no packets. */
export async function writeEmptyPart(spool: Spool, captureId: string, interfaceName: string): Promise<void> {
  await spool.remove(captureId, interfaceName);
  const { handle, named } = await spool.create(captureId, interfaceName);
  try {
    const header = encodePcapHeader({ linktype: linkTypes.ethernet, snaplen: 262_144 });
    await handle.write(header);
    await handle.sync();
    await named;
    spool.budget.occupy(header.length);
  } finally {
    await handle.close();
  }
}
