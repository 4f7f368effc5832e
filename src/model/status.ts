/** Every status of a capture, as the API spells them. */
export const statuses = [
  'unknown',
  'success',
  'pending',
  'running',
  'conversion_pending',
  'conversion_running',
  'complete',
  'failed',
] as const;

/** The status of a capture. */
export type Status = (typeof statuses)[number];

/** A status that never changes again. */
export type FinalStatus = 'success' | 'complete' | 'failed';

/** Has the capture ended for good? */
export function isFinal(status: Status): status is FinalStatus {
  return status === 'success' || status === 'complete' || status === 'failed';
}
