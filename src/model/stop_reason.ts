/** Why an interface's part of a capture ended. */
export const stopReasons = [
  'time_limit',
  'packet_limit',
  'byte_limit',
  'stopped',
  'shutdown',
  'interface_removed',
  'spool_full',
  'crashed',
  'error',
] as const;

/** Why an interface's part of a capture ended. */
export type StopReason = (typeof stopReasons)[number];
