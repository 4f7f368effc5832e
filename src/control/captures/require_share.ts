import { FaultError } from '../../model/errors/fault.ts';
import type { LimitCounts } from '../../model/limit_counts.ts';
import type { PartRecord } from '../../model/record.ts';
import { beyondShare, type RingSensor } from '../../plan/ring_room.ts';

/** A new full capture, and what its account has already. */
export interface ShareRequest {
  readonly parts: readonly Pick<PartRecord, 'sensor' | 'phase'>[];
  readonly fleet: readonly RingSensor[];
  /** How many parts of the account each sensor captures, by its name. */
  readonly own: ReadonlyMap<string, number>;
  /** Are there other accounts? Asked only where it matters. */
  hasOthers(): Promise<boolean>;
}

/**
 * Leaves to others what one account may not take: interfaces in all, and of each sensor's rings.
 *
 * @throws FaultError `account_parts_taken`, `account_rings_taken`
 */
export async function requireShare(limits: LimitCounts, request: ShareRequest): Promise<void> {
  const { parts, fleet, own } = request;
  const taken = [...own.values()].reduce((sum, count) => sum + count, 0);
  const needed = parts.filter(({ phase }) => phase === 'assigned').length;
  if (taken + needed > limits.values.full_parts) {
    throw new FaultError([limits.refuse('full_parts', { taken, parts: needed })]);
  }
  const beyond = beyondShare(parts, fleet, own, limits.values.rings_percent);
  // With nobody else there is nothing to keep free.
  if (beyond !== undefined && (await request.hasOthers())) {
    throw new FaultError([limits.refuse('rings_percent', { ...beyond })]);
  }
}
