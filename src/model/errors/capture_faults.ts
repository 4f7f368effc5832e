/** Codes 1500 to 1599. */
export const captureFaults = {
  interface_unknown: { code: 1500, status: 500, retry: 'no', text: 'There is no interface {interface} on this host.' },
  interface_removed: {
    code: 1501,
    status: 500,
    retry: 'no',
    text: 'Interface {interface} was removed; what came before is kept.',
  },
  capture_denied: {
    code: 1502,
    status: 500,
    retry: 'no',
    text: 'This process may not capture packets: give it CAP_NET_RAW, for example with "{hint}".',
  },
  capture_open_failed: {
    code: 1503,
    status: 500,
    retry: 'no',
    text: 'Interface {interface} could not be opened for capture: {reason}',
  },
  filter_attach_failed: {
    code: 1504,
    status: 500,
    retry: 'no',
    text: 'The kernel did not take the filter on {interface}: {reason}',
  },
  capture_read_failed: {
    code: 1505,
    status: 500,
    retry: 'no',
    text: 'Reading packets from {interface} failed: {reason}',
  },
  batch_inconsistent: {
    code: 1506,
    status: 500,
    retry: 'no',
    text: 'A batch of {interface} is {got_bytes} bytes long and should be {expected_bytes}: the part ends here, all before it is good.',
  },
  spool_full: {
    code: 1507,
    status: 500,
    retry: 'no',
    text: 'The spool is full ({used_bytes} of {limit_bytes} bytes): the capture ended here.',
  },
  spool_write_failed: { code: 1508, status: 500, retry: 'no', text: 'Writing to the spool failed: {reason}' },
  workers_exhausted: { code: 1509, status: 500, retry: 'soon', text: 'All {limit} capture workers are busy.' },
  libpcap_missing: {
    code: 1510,
    status: 500,
    retry: 'no',
    text: 'libpcap 1.10 or newer is not installed: run "{hint}".',
  },
  native_call_failed: { code: 1511, status: 500, retry: 'no', text: '{call} failed: {reason}' },
  capture_worker_failed: {
    code: 1512,
    status: 500,
    retry: 'no',
    text: 'A capture worker failed: {reason} What it had written is kept.',
  },
  interface_changed: {
    code: 1513,
    status: 500,
    retry: 'soon',
    text: 'Interface {interface} has link type {linktype} now, and the filter was made for {expected}.',
  },
  interface_renamed: {
    code: 1515,
    status: 500,
    retry: 'soon',
    text: 'Interface {interface} is called {name} now.',
  },
  interfaces_too_many: {
    code: 1514,
    status: 500,
    retry: 'no',
    text: 'More than {limit} interfaces are there to be served: {limit} are, the others are left out. Name those that matter in EDGETAP_INTERFACES.',
  },
} as const;
