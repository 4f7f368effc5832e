import type { JoinedFilter } from '../../filter/join_filter.ts';
import type { Result } from '../../model/result.ts';

/** Which of these link types a filter can match. */
export interface LinktypeVerdict {
  readonly linktype: number;
  /** Why no packet of this link type can match; absent where packets can. */
  readonly excluded?: string;
}

/**
 * Does libpcap understand this filter, its expression alone first? With `live` it is for packets to come, before the kernel's socket. A
 * port: control itself loads nothing native. Faults are those of the catalogue's filter area.
 */
export type CheckFilter = (request: {
  readonly filter: JoinedFilter;
  readonly linktypes: readonly number[];
  readonly live: boolean;
  /** The account: each has its turns. */
  readonly owner: string;
}) => Promise<Result<readonly LinktypeVerdict[]>>;
