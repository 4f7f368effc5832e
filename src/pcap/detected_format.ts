import { raise } from '../model/errors/fault.ts';
import type { CaptureFormat, ReadOptions } from './capture_format.ts';
import { pcapFormat } from './pcap_format.ts';
import { isPcapMagic, magicText } from './pcap_header.ts';
import { blockTypes } from './pcapng_block.ts';
import { pcapngFormat } from './pcapng_format.ts';

/** Either format, told apart by the first four bytes. */
export function detectedFormat(options: ReadOptions): CaptureFormat {
  let found: CaptureFormat | undefined;
  return {
    get interfaces() {
      return found?.interfaces ?? [];
    },
    get whole_bytes() {
      return found?.whole_bytes ?? 0;
    },
    needed(bytes, at, available, position) {
      return found === undefined ? 4 : found.needed(bytes, at, available, position);
    },
    take(bytes, at, position, batch) {
      if (found === undefined) {
        if (bytes.length - at < 4) return at;
        const magic = batch.view.getUint32(at, true);
        if (magic === blockTypes.section_header) found = pcapngFormat(options);
        else if (isPcapMagic(magic)) found = pcapFormat(options);
        else raise('pcap_magic', { magic: magicText(batch.view.getUint32(at)) });
      }
      return found.take(bytes, at, position, batch);
    },
  };
}
