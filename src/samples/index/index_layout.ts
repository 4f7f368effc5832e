/** Version of the index's format: docs/formats/index.md. */
export const index_version = 1;

/** A block ends with the record that makes it at least so long. */
export const block_log2 = 12;

/** The same in bytes. */
export const block_bytes = 1 << block_log2;

/** "ETAPIDX" and a line feed. */
export const index_magic: Uint8Array = Uint8Array.of(0x45, 0x54, 0x41, 0x50, 0x49, 0x44, 0x58, 0x0a);

/** Length of the header. */
export const index_header_bytes = 128;

/** A page has as many whole entries as fit into so many bytes. */
export const page_bytes = 4096;

/** Bytes of a section's place in the directory. */
export const section_bytes = 16;

/** Which header's keys: of the IP header behind the link layer, or of what is further in. */
export type KeyLayer = 'outer' | 'inner';

/** What a key is. */
export type KeyKind = 'ipv4' | 'ipv6' | 'port' | 'protocol';

/** A section of the file: the size of its entries, and what the directory has of each of its pages behind the checksum. */
export interface SectionLayout {
  readonly entry_bytes: number;
  readonly page_note_bytes: number;
}

/** The kinds of keys, in the order of their sections. */
export const keyKinds = ['ipv4', 'ipv6', 'port', 'protocol'] as const satisfies readonly KeyKind[];

/** The layers, in the order of their sections. */
export const keyLayers = ['outer', 'inner'] as const satisfies readonly KeyLayer[];

const narrow: SectionLayout = { entry_bytes: 12, page_note_bytes: 4 };
const wide: SectionLayout = { entry_bytes: 24, page_note_bytes: 16 };
const keySections: readonly SectionLayout[] = [narrow, wide, narrow, narrow];

/** All sections in their order: blocks, posting lists, outer keys, inner keys. */
export const sections: readonly SectionLayout[] = [
  { entry_bytes: 24, page_note_bytes: 16 },
  { entry_bytes: 1, page_note_bytes: 0 },
  ...keySections,
  ...keySections,
];

/** The section of blocks. */
export const blocks_section = 0;

/** The section of posting lists. */
export const postings_section = 1;

/** The section of a kind of keys. */
export function keySection(layer: KeyLayer, kind: KeyKind): number {
  return 2 + keyLayers.indexOf(layer) * keyKinds.length + keyKinds.indexOf(kind);
}

/** Entries of a whole page. */
export function pageEntries({ entry_bytes }: SectionLayout): number {
  return Math.floor(page_bytes / entry_bytes);
}
