/** Codes 1850 to 1859: what one account or token has had its share of. */
export const shareFaults = {
  share_used: {
    code: 1850,
    status: 429,
    retry: 'soon',
    text: 'This account has {limit} {what} already, the most of each account ({setting}): ask again when one is done.',
  },
  refusals_limited: {
    code: 1851,
    status: 429,
    retry: 'soon',
    text: 'More than {limit} requests of this token for captures and estimates were refused in a minute ({setting}): correct them, then ask again in {wait_s} s.',
  },
} as const;
