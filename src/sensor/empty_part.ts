import type { Spool } from '../capture/spool.ts';
import { encodePcapHeader } from '../pcap/pcap_header.ts';
import { linkTypes } from '../pcap/link_type.ts';
import { onSpool } from './on_spool.ts';

/** Makes the file of a part that was stopped before it began: a header, and no packets. Throws `spool_write_failed`. */
export async function writeEmptyPart(spool: Spool, captureId: string, interfaceName: string): Promise<void> {
  await spool.remove(captureId, interfaceName);
  const { handle, named } = await spool.create(captureId, interfaceName);
  await onSpool('spool_write_failed', async () => {
    try {
      const header = encodePcapHeader({ linktype: linkTypes.ethernet, snaplen: 262_144 });
      await handle.writeFile(header);
      await handle.sync();
      await named;
      spool.budget.occupy(header.length);
    } finally {
      await handle.close();
    }
  });
}
