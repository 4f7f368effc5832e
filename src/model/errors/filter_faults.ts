/** Codes 1300 to 1399. */
export const filterFaults = {
  filter_address: {
    code: 1300,
    status: 400,
    retry: 'no',
    text: '{field} must be an IPv4 or IPv6 address, or a network such as 10.0.0.0/8 or 2001:db8::/32.',
  },
  filter_port: { code: 1301, status: 400, retry: 'no', text: '{field} must be a whole number from 0 to 65535.' },
  filter_protocol: { code: 1302, status: 400, retry: 'no', text: '{field} must be a whole number from 0 to 255.' },
  filter_family_mixed: {
    code: 1303,
    status: 400,
    retry: 'no',
    text: '{field} is {family} and the other address is not: no packet can match both.',
  },
  filter_port_protocol: {
    code: 1304,
    status: 400,
    retry: 'no',
    text: '{field} needs a protocol that has ports (6 TCP, 17 UDP, 132 SCTP), not {protocol}.',
  },
  expression_length: {
    code: 1305,
    status: 400,
    retry: 'no',
    text: '{field} has {length} characters; the most is 4096.',
  },
  expression_text: {
    code: 1306,
    status: 400,
    retry: 'no',
    text: '{field} must be plain text: the character at {position} is not allowed.',
  },
  expression_word: {
    code: 1307,
    status: 400,
    retry: 'no',
    text: '{field}: "{word}" at {position} is a name that would have to be looked up: write it as a number or an address.',
  },
  expression_syntax: {
    code: 1308,
    status: 400,
    retry: 'no',
    text: '{field} is not a filter that libpcap understands: {reason}',
  },
  expression_slow: {
    code: 1309,
    status: 400,
    retry: 'no',
    text: '{field} takes more than {limit_s} s to compile: make it shorter, for example with networks instead of lists of hosts.',
  },
  expression_too_long: {
    code: 1310,
    status: 400,
    retry: 'no',
    text: '{field} compiles to {instructions} instructions; the kernel takes at most {limit}.',
  },
  expression_compiler: {
    code: 1311,
    status: 503,
    retry: 'soon',
    text: 'The filter could not be checked now: {reason}',
  },
  expression_unsupported: {
    code: 1312,
    status: 400,
    retry: 'no',
    text: '{field}: "{word}" at {position} cannot be used here: {reason}.',
  },
  match_inner_full: {
    code: 1313,
    status: 400,
    retry: 'no',
    text: 'match_inner is for simple captures: a full one is filtered in the kernel, which cannot look into tunnels. Leave it out, and say what is inside in filter_expression, such as "mpls and host 192.0.2.1", "pppoes and …" or "geneve and …".',
  },
  match_inner_impossible: {
    code: 1314,
    status: 400,
    retry: 'no',
    text: 'match_inner is of no use with this filter, which no IP packet inside of another can match: {reason}. Leave one of them out.',
  },
} as const;
