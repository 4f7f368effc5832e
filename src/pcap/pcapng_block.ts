/** Block types of pcapng (draft-ietf-opsawg-pcapng, section 4). */
export const blockTypes = {
  /** The same in both byte orders. */
  section_header: 0x0a0d0d0a,
  interface_description: 1,
  /** Obsolete, and still to be read. */
  packet: 2,
  simple_packet: 3,
  interface_statistics: 5,
  enhanced_packet: 6,
} as const;

/** Option codes of pcapng that edgetap reads or writes (draft-ietf-opsawg-pcapng, sections 3.5 and 4). */
export const optionCodes = {
  end: 0,
  comment: 1,
  shb_userappl: 4,
  if_name: 2,
  if_description: 3,
  if_tsresol: 9,
  if_filter: 11,
  if_tsoffset: 14,
  isb_starttime: 2,
  isb_endtime: 3,
  isb_ifrecv: 4,
  isb_ifdrop: 5,
  isb_filteraccept: 6,
  isb_osdrop: 7,
  isb_usrdeliv: 8,
} as const;

/** The section header's byte order magic, read in the section's own order. */
export const byteOrderMagic = 0x1a2b3c4d;

/** Type and length before a block's body, and the length again after it. */
export const blockOverheadBytes = 12;

/** Rounds up to the 32 bits that blocks and options are aligned to. */
export function padded(length: number): number {
  return (length + 3) & ~3;
}
