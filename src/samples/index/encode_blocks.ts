import type { BlockTable } from './block_table.ts';
import { blocks_section, sections } from './index_layout.ts';

const entry_bytes = sections[blocks_section]?.entry_bytes ?? 0;

/** Writes the entries of blocks as they are in an index file: see docs/formats/index.md. */
export function encodeBlocks(blocks: BlockTable): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(blocks.count * entry_bytes);
  const view = new DataView(bytes.buffer);
  for (let block = 0; block < blocks.count; block += 1) {
    const at = block * entry_bytes;
    const [greatest, least] = [blocks.greatest(block), blocks.least(block)];
    view.setUint32(at, blocks.offset(block), true);
    view.setUint32(at + 4, blocks.checksumOf(block), true);
    view.setUint32(at + 8, greatest.seconds, true);
    view.setUint32(at + 12, greatest.nanos, true);
    view.setUint32(at + 16, least.seconds, true);
    view.setUint32(at + 20, least.nanos, true);
  }
  return bytes;
}
