import type { AccountUsage } from '../../model/account_usage.ts';
import type { CaptureRecord } from '../../model/record.ts';

/** A capture's row is gone, and with it the result that edgetap kept of it. */
export function forgetUsed(usage: AccountUsage, { account_id, spec, size_bytes }: CaptureRecord): void {
  usage.add(account_id, 'captures_kept', -1);
  if (spec.type === 'simple') usage.add(account_id, 'results_bytes', -Number(size_bytes ?? 0n));
}
