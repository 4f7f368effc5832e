/** Codes 1890 to 1899: what the processes that compile filters may take and do. */
export const confinementFaults = {
  expression_memory: {
    code: 1890,
    status: 400,
    retry: 'no',
    text: '{field} takes more than {limit_mb} MB of memory to compile: make it shorter, for example with networks instead of lists of hosts.',
  },
  compiler_unconfined: {
    code: 1891,
    status: 500,
    retry: 'no',
    text: 'The kernel does not keep the processes that compile filters from files and the network ({reason}): they work, with less between a fault in libpcap and this host. Allow seccomp(2) with filters (CONFIG_SECCOMP_FILTER).',
  },
} as const;
