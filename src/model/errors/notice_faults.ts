/**
 * Codes 2100 to 2199: no errors, but what an answer's `messages` say of a good result.
 */
export const noticeFaults = {
  lookback_truncated: {
    code: 2100,
    status: 200,
    retry: 'no',
    text: 'packet_limit ({limit}) has kept out older packets: the file reaches back to {oldest}, {back_s} s before offset_time, of the {asked_s} s asked for; {matching} of that time. Ask for less time, narrow the filter or raise the limit.',
  },
  part_note: { code: 2101, status: 200, retry: 'no', text: '{where}: {note}' },
} as const;
