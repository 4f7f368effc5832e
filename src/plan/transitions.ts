import type { Status } from '../model/status.ts';

/**
 * Every status change that may ever happen; `docs/status.md` shows the same table. Final ones lead nowhere.
 * The machine refuses any other, and a test walks it until it has drawn them all.
 */
export const transitions: Readonly<Record<Status, readonly Status[]>> = {
  pending: ['running', 'conversion_pending', 'failed'],
  running: ['conversion_pending', 'conversion_running', 'unknown', 'failed'],
  conversion_pending: ['conversion_running', 'unknown', 'success', 'complete', 'failed'],
  conversion_running: ['success', 'complete', 'failed'],
  unknown: ['running', 'conversion_pending', 'failed'],
  success: [],
  complete: [],
  failed: [],
};
