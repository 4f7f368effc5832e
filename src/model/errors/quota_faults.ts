/** Codes 1870 to 1879. */
export const quotaFaults = {
  account_quota: {
    code: 1870,
    status: 429,
    retry: 'no',
    text: 'This account has {limit} {what}, the most that one may have ({setting}): remove some of them, or wait until they expire.',
  },
  disk_floor: {
    code: 1871,
    status: 503,
    retry: 'soon',
    text: 'The disk of edgetap has less than {limit} bytes free ({setting}): nothing new is taken until there is room.',
  },
  bucket_adds_limited: {
    code: 1872,
    status: 429,
    retry: 'soon',
    text: 'More than {limit} {what} came from this account ({setting}): wait, and send it again.',
  },
  bucket_directory_deep: {
    code: 1873,
    status: 400,
    retry: 'no',
    text: 'file:// must lead to a directory at most {limit} levels under {allowed}.',
  },
} as const;
