/** Codes 2000 to 2099. */
export const sensorFaults = {
  sensor_crashed: {
    code: 2000,
    status: 500,
    retry: 'no',
    text: 'The sensor died while it captured; the {packets} packets that had reached its disk are kept.',
  },
  spool_state_unreadable: {
    code: 2001,
    status: 500,
    retry: 'no',
    text: 'The state of a part, {path}, cannot be used ({reason}): it is set aside, the files of the part beside it are kept, and the part is not delivered. Look at them, then move or remove them.',
  },
  part_file_lost: {
    code: 2002,
    status: 500,
    retry: 'no',
    text: 'The file of this part is gone from the spool ({reason}): it cannot be delivered.',
  },
  part_file_damaged: {
    code: 2005,
    status: 500,
    retry: 'no',
    text: 'The file {path} of this part is damaged on the disk of its sensor: {reason}. What is whole of it, if anything is, is delivered. Check the disk.',
  },
  spool_read_failed: { code: 2003, status: 500, retry: 'soon', text: 'Reading from the spool failed: {reason}' },
  part_unknown: {
    code: 2004,
    status: 500,
    retry: 'no',
    text: 'The sensor heard of this capture too late to begin it, or has lost what it had of it.',
  },
  spool_stray: {
    code: 2006,
    status: 500,
    retry: 'no',
    text: '{path} in the spool is not of edgetap, or cannot be read ({reason}): it is left alone. Look at it, then move or remove it.',
  },
  part_unclaimed: {
    code: 2007,
    status: 500,
    retry: 'no',
    text: 'The database does not know capture {capture}, of which {path} has {packets} packets that are not delivered: they are kept. Put back the database that knows it, or stop edgetap and move the file away.',
  },
} as const;
