import { crc32 } from 'node:zlib';
import { pcapHeaderBytes } from '../../pcap/pcap_header.ts';
import { recordHeaderBytes } from '../../pcap/pcap_record.ts';
import { isNoRecord } from '../walk_records.ts';
import { BlockTable } from './block_table.ts';
import { block_bytes } from './index_layout.ts';
import { KeyTables } from './key_tables.ts';
import { PacketKeys } from './put_packet_keys.ts';

/** Makes a segment's index out of its records, as they come: see docs/formats/index.md. */
export class IndexBuilder {
  readonly linktype: number;
  readonly outer: KeyTables;
  readonly inner: KeyTables;
  readonly blocks: BlockTable = new BlockTable();
  readonly #keys: PacketKeys;
  #length = pcapHeaderBytes;
  #records = 0;

  /** `seed` is a random number: see `KeyTable`. */
  constructor(linktype: number, seed: number) {
    this.linktype = linktype;
    this.outer = new KeyTables(seed);
    this.inner = new KeyTables(seed ^ 0x5bd1_e995);
    this.#keys = new PacketKeys(linktype, this.outer, this.inner);
  }

  /** Up to here the packet file is taken in: the end of a record. */
  get length(): number {
    return this.#length;
  }

  get records(): number {
    return this.#records;
  }

  /**
   * Takes in the whole records that `bytes` begins with, which are those of the packet file from `length` on; gives how many
   * bytes that were. What comes after the last whole record has to be given again, with more.
   */
  add(bytes: Uint8Array, snaplen_bytes: number): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const { blocks } = this;
    let at = 0;
    /** What is not yet in the last block's checksum begins here. */
    let unsummed = 0;
    let block = blocks.count - 1;
    let block_end = block < 0 ? 0 : blocks.offset(block) + block_bytes - this.#length;
    while (at + recordHeaderBytes <= bytes.length) {
      const captured = view.getUint32(at + 8, true);
      const next = at + recordHeaderBytes + captured;
      if (next > bytes.length) break;
      const [nanos, original] = [view.getUint32(at + 4, true), view.getUint32(at + 12, true)];
      if (isNoRecord(nanos, captured, original, snaplen_bytes)) break;
      if (at >= block_end || block < 0) {
        if (block >= 0) blocks.checksum = crc32(bytes.subarray(unsummed, at), blocks.checksum);
        unsummed = at;
        blocks.begin(this.#length + at);
        block += 1;
        block_end = at + block_bytes;
      }
      blocks.seen(view.getUint32(at, true), view.getUint32(at + 4, true));
      this.#keys.put(view, at + recordHeaderBytes, captured, block);
      this.#records += 1;
      at = next;
    }
    if (at > unsummed) blocks.checksum = crc32(bytes.subarray(unsummed, at), blocks.checksum);
    this.#length += at;
    return at;
  }
}
