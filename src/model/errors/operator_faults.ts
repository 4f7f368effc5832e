/** Codes 1900 to 1999. */
export const operatorFaults = {
  setting_invalid: { code: 1900, status: 500, retry: 'no', text: '{setting} is "{value}": it must be {expected}.' },
  account_unknown: { code: 1901, status: 500, retry: 'no', text: 'There is no account {account}.' },
  token_unknown: { code: 1902, status: 500, retry: 'no', text: 'There is no token {token}.' },
  listen_failed: { code: 1903, status: 500, retry: 'no', text: 'Cannot listen on {address}: {reason}' },
  config_unreadable: {
    code: 1904,
    status: 500,
    retry: 'no',
    text: 'The configuration file {path} cannot be read: {reason}',
  },
  url_missing: {
    code: 1905,
    status: 500,
    retry: 'no',
    text: 'Where is edgetap? Set EDGETAP_URL and EDGETAP_TOKEN, or put them into {path}.',
  },
  server_unreachable: { code: 1906, status: 500, retry: 'soon', text: '{url} does not answer: {reason}' },
  answer_unreadable: {
    code: 1907,
    status: 500,
    retry: 'no',
    text: '{url} answered with something that is not edgetap: {reason}',
  },
  user_exists: {
    code: 1908,
    status: 500,
    retry: 'no',
    text: 'Account {account} has a user {email} already: revoke that one first (edgetap user list, edgetap user revoke).',
  },
  user_unknown: { code: 1909, status: 500, retry: 'no', text: 'There is no user {user} whose key is still good.' },
  database_missing: {
    code: 1910,
    status: 500,
    retry: 'no',
    text: 'There is no database {path}: start edgetap once, or say where it keeps its data with --data-dir or EDGETAP_DATA_DIR.',
  },
  output_failed: { code: 1911, status: 500, retry: 'no', text: '{path} cannot be written: {reason}' },
  process_ended: {
    code: 1912,
    status: 500,
    retry: 'no',
    text: 'The {name} process ended while it started ({reason}): its last line above says why.',
  },
  token_setting_ignored: {
    code: 1930,
    status: 500,
    retry: 'no',
    text: 'EDGETAP_TOKEN was not used: it is the token of the command line, and the server takes it only at the first start of a new data directory. A token for the server goes into EDGETAP_BOOTSTRAP_TOKEN.',
  },
  account_setting_ignored: {
    code: 1931,
    status: 500,
    retry: 'no',
    text: 'EDGETAP_ACCOUNT_ID was not used: the first account of this data directory is {account}, since its first start.',
  },
  token_setting_lacks: {
    code: 1932,
    status: 500,
    retry: 'no',
    text: '{setting} has a token that is there already and {lacks}: choose another text, or make a token with "edgetap token create".',
  },
} as const;
