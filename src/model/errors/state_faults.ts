/** Codes 1800 to 1899. */
export const stateFaults = {
  data_dir_locked: {
    code: 1800,
    status: 500,
    retry: 'no',
    text: '{directory} is in use by process {pid}: stop it, or choose another EDGETAP_DATA_DIR.',
  },
  database_failed: { code: 1801, status: 500, retry: 'soon', text: 'The database failed: {reason}' },
  database_newer: {
    code: 1802,
    status: 500,
    retry: 'no',
    text: 'The database has schema {found}, newer than this edgetap knows ({known}): use a newer edgetap.',
  },
  lease_lost: { code: 1803, status: 500, retry: 'soon', text: 'The lease {lease} went to another control.' },
  bus_closed: { code: 1804, status: 503, retry: 'soon', text: 'The bus to {peer} is closed.' },
  bus_timeout: { code: 1805, status: 503, retry: 'soon', text: '{peer} did not answer within {limit_ms} ms.' },
  wire_version: {
    code: 1806,
    status: 500,
    retry: 'no',
    text: '{peer} speaks version {found} of the bus; this edgetap speaks {known}.',
  },
  result_damaged: {
    code: 1808,
    status: 502,
    retry: 'no',
    text: 'The file {filename} is damaged on the disk of edgetap ({reason}) and is not given out. Ask for the same again while the samples are kept; the operator should check the disk.',
  },
  clock_set: {
    code: 1807,
    status: 500,
    retry: 'no',
    text: "This host's clock was set by {by_s} s. Captures, deliveries and deadlines go on unchanged; packets carry the new time from here on.",
  },
  bus_answer_failed: {
    code: 1811,
    status: 500,
    retry: 'soon',
    text: 'The question could not be answered: {reason}',
  },
  database_locked: {
    code: 1812,
    status: 503,
    retry: 'soon',
    text: 'The database is locked by another program ({reason}): end what holds it ("fuser" names it), then send this again.',
  },
  database_full: {
    code: 1809,
    status: 503,
    retry: 'soon',
    text: 'The database cannot be written, its disk is full ({reason}): make room for EDGETAP_DATA_DIR, then send this again.',
  },
  database_damaged: {
    code: 1813,
    status: 500,
    retry: 'no',
    text: 'The database is damaged ({reason}). Stop edgetap and put a backup in its place, or save what can be read of it with the ".recover" of sqlite3. No capture, sample or result was removed.',
  },
  database_gone: {
    code: 1814,
    status: 500,
    retry: 'no',
    text: 'The database {path} is missing or empty, and {left} has files of an earlier one, which would be removed. Put the database back, with its -wal file, or move {left} away to begin anew.',
  },
  database_unwritable: {
    code: 1810,
    status: 503,
    retry: 'soon',
    text: 'The database cannot be read or written ({reason}): check the disk and the rights of EDGETAP_DATA_DIR, then send this again.',
  },
} as const;
