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
  pcap_unordered: {
    code: 1404,
    status: 500,
    retry: 'no',
    text: 'Packet {packet} of source {source} is older than the one before it: sort the source before it is merged.',
  },
  pcap_time_range: {
    code: 1405,
    status: 500,
    retry: 'no',
    text: 'A packet at {seconds} s after 1970 cannot be put into this file: its times go from 1970 to {until}.',
  },
} as const;
