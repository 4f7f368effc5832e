/** Codes 1850 to 1859: what one account, token, client address or connection has had its share of. */
export const shareFaults = {
  share_used: {
    code: 1850,
    status: 429,
    retry: 'soon',
    text: '{limit} {what} are the most that one {of} may have ({setting}): ask again when one of them is over.',
  },
  refusals_limited: {
    code: 1851,
    status: 429,
    retry: 'soon',
    text: 'More than {limit} requests of this token for captures and estimates were refused in a minute ({setting}): correct them, then ask again in {wait_s} s.',
  },
  account_rings_taken: {
    code: 1852,
    status: 429,
    retry: 'no',
    text: 'One account may take {share} of the {rings} rings that sensor {sensor} has memory for, one for each interface of each capture ({setting}); this one has taken {taken}, and this capture needs {parts}: stop a capture, wait for one to end, or capture fewer interfaces.',
  },
  account_parts_taken: {
    code: 1853,
    status: 429,
    retry: 'no',
    text: 'The full captures of one account may take {limit} interfaces at one time, each counted once for each capture ({setting}); {taken} are taken, and this capture needs {parts}: stop a capture, or wait for one to end.',
  },
} as const;
