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
  segment_cut: {
    code: 1603,
    status: 500,
    retry: 'no',
    text: 'The segment {segment} ended in the middle of a record: {cut_bytes} bytes were cut off after {kept_bytes}.',
  },
  segment_length: {
    code: 1604,
    status: 500,
    retry: 'no',
    text: 'The segment {segment} has {found_bytes} bytes and should have {expected_bytes}: the first {used_bytes} are used.',
  },
  segment_newer: {
    code: 1605,
    status: 500,
    retry: 'no',
    text: 'The segment {segment} has format version {version}, newer than this edgetap knows: it was left alone.',
  },
  samples_foreign: {
    code: 1606,
    status: 500,
    retry: 'no',
    text: '{count} files or directories in the sample store are not its own and were left alone: {names}',
  },
  samples_disk_full: {
    code: 1607,
    status: 500,
    retry: 'no',
    text: 'The disk of the sample store is full: {segments} of the oldest segments went to make room.',
  },
  sampling_interrupted: {
    code: 1608,
    status: 500,
    retry: 'soon',
    text: 'Sampling of {interface} is interrupted and tried again: {reason}',
  },
  sampling_twice: { code: 1609, status: 500, retry: 'no', text: 'The interface {interface} is being sampled already.' },
  lookback_failed: { code: 1610, status: 500, retry: 'soon', text: 'The look-back failed on this sensor: {reason}' },
  segment_index_damaged: {
    code: 1612,
    status: 500,
    retry: 'no',
    text: 'The index of segment {segment} is of no use: {reason}. The segment is read whole, and its index made again.',
  },
  segment_packets_damaged: {
    code: 1613,
    status: 500,
    retry: 'no',
    text: 'The packets of segment {segment} are damaged on disk: {reason}. What is damaged is left out of answers, which say so.',
  },
  index_write_failed: {
    code: 1614,
    status: 500,
    retry: 'no',
    text: 'The index of segment {segment} could not be written, look-backs read the segment whole: {reason}',
  },
  indexing_interrupted: {
    code: 1615,
    status: 500,
    retry: 'soon',
    text: 'Indexing of samples is interrupted and begun again: {reason}',
  },
  samples_closed: { code: 1611, status: 503, retry: 'soon', text: 'The sample store of this sensor is closed.' },
} as const;
