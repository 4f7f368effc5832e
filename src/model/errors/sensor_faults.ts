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
    text: 'The state of a part, {path}, cannot be read ({reason}): its files are left where they are.',
  },
} as const;
