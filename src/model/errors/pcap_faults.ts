/** Codes 1400 to 1499. */
export const pcapFaults = {
  pcap_magic: {
    code: 1400,
    status: 500,
    retry: 'no',
    text: 'This is not a pcap or pcapng file: it begins with {magic}.',
  },
  pcap_truncated: {
    code: 1401,
    status: 500,
    retry: 'no',
    text: 'The capture file ends in the middle of a record at byte {offset}.',
  },
  pcap_malformed: {
    code: 1402,
    status: 500,
    retry: 'no',
    text: 'The capture file is damaged at byte {offset}: {reason}',
  },
  linktype_mixed: {
    code: 1403,
    status: 500,
    retry: 'no',
    text: 'Packets of link type {linktype} cannot be put into a file of link type {into}.',
  },
} as const;
