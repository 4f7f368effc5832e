/** Codes 1618 to 1629, behind those of samples: what is kept on disk. */
export const storageFaults = {
  database_foreign: {
    code: 1618,
    status: 500,
    retry: 'no',
    text: 'The database {database} belongs to another data directory than {data_dir}. Put back the one that belongs to it; or, to go on with this one, remove {path} and start again: captures that it does not know are kept in the spool, and named in /readyz.',
  },
  row_damaged: {
    code: 1619,
    status: 502,
    retry: 'no',
    text: 'What the database keeps of {row} cannot be read ({reason}): it is left as it is, and nothing is done with it. Put back a backup, or mend the row.',
  },
  message_refused: {
    code: 1620,
    status: 500,
    retry: 'no',
    text: 'What sensor {sensor} says of {what} cannot be taken ({reason}): its files stay with the sensor.',
  },
  capture_discarded: {
    code: 1621,
    status: 500,
    retry: 'no',
    text: 'It was discarded by its owner before it was delivered.',
  },
} as const;
