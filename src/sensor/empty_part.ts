import type { Spool } from '../capture/spool.ts';
import { encodePcapHeader } from '../pcap/pcap_header.ts';
import { linkTypes } from '../pcap/link_type.ts';
import { onSpool } from './on_spool.ts';

/** Makes the file of a part that was stopped before it began: a header, and no packets. Throws `spool_write_failed`. */
export async function writeEmptyPart(
  spool: Spool,
  captureId: string,
  interfaceName: string,
  owner: string | undefined,
): Promise<void> {
  await spool.remove(captureId, interfaceName);
  const { handle, named, share } = await spool.create(captureId, interfaceName, owner);
  await onSpool('spool_write_failed', async () => {
    try {
      const header = encodePcapHeader({ linktype: linkTypes.ethernet, snaplen: 262_144 });
      await handle.writeFile(header);
      await handle.sync();
      await named;
      share.occupy(header.length);
    } finally {
      await handle.close();
    }
  });
}
