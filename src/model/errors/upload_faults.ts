/** Codes 1700 to 1799. */
export const uploadFaults = {
  upload_failed: { code: 1700, status: 500, retry: 'soon', text: 'Sending piece {piece} failed: {reason}' },
  upload_refused: { code: 1701, status: 500, retry: 'no', text: '{destination} refused piece {piece}: {reason}' },
  upload_expired: {
    code: 1702,
    status: 500,
    retry: 'no',
    text: 'The result could not be delivered within {limit_h} hours: {reason}',
  },
  journal_invalid: { code: 1703, status: 500, retry: 'no', text: 'The upload journal {path} is damaged: {reason}' },
  journal_unwritable: {
    code: 1704,
    status: 500,
    retry: 'soon',
    text: 'The upload journal {path} cannot be written ({reason}): after a crash pieces are sent again.',
  },
  staged_damaged: {
    code: 1705,
    status: 500,
    retry: 'no',
    text: "The file {key} in edgetap's own staging directory is damaged: {reason}. What is whole of it, if anything is, is delivered. Check the disk of the data directory.",
  },
} as const;
