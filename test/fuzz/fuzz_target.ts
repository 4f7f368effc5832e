import { headerTarget } from './header_target.ts';
import { filterTarget } from './filter_target.ts';
import type { FuzzRandom } from './fuzz_random.ts';
import { readerTarget } from './reader_target.ts';

/** Tries one case that chance made. Throws where something is not as it must be. */
export type FuzzTarget = (random: FuzzRandom) => void;

/** What is fuzzed, by name. Each makes its corpus when it is asked for. */
export const fuzzTargets: Readonly<Record<'headers' | 'readers' | 'filters', () => FuzzTarget>> = {
  headers: headerTarget,
  readers: readerTarget,
  filters: filterTarget,
};
