import type { JoinedFilter } from '../../filter/join_filter.ts';
import type { Result } from '../../model/result.ts';

/** Which of these link types a filter can match. */
export interface LinktypeVerdict {
  readonly linktype: number;
  /** Why no packet of this link type can match; absent where packets can. */
  readonly excluded?: string;
}

/**
 * Does libpcap understand this filter, its expression alone first? A port: control itself loads nothing native. Faults are
 * those of the catalogue's filter area.
 */
export type CheckFilter = (request: {
  readonly filter: JoinedFilter;
  readonly linktypes: readonly number[];
}) => Promise<Result<readonly LinktypeVerdict[]>>;
