/** Codes 1600 to 1699. */
export const samplesFaults = {
  segment_header_invalid: {
    code: 1600,
    status: 500,
    retry: 'no',
    text: 'The segment {segment} has a damaged header: {reason}',
  },
  samples_write_failed: { code: 1601, status: 500, retry: 'no', text: 'Writing samples failed: {reason}' },
  lookback_busy: {
    code: 1602,
    status: 503,
    retry: 'soon',
    text: 'This sensor answers {limit} look-backs at a time already.',
  },
} as const;
