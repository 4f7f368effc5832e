import type { LookbackCoverage, LookbackQuery } from './lookback.ts';
import type { TalliedPackets } from './packet_tally.ts';

/** A question for counts: all packets of a window that match. */
export type TallyQuery = Omit<LookbackQuery, 'packet_limit'>;

/** What one interface and link type has of them, and what its samples can say about the window. */
export interface InterfaceTally extends Omit<LookbackCoverage, 'packets'>, TalliedPackets {}

/** The answer to a question for counts. */
export interface TallyAnswer {
  readonly interfaces: readonly InterfaceTally[];
}
