import { formatTime } from '../../model/time.ts';
import type { InterfaceCoverage } from '../../wire/control_messages.ts';
import { ratesText } from './rates_text.ts';

const why: Readonly<Record<string, string>> = {
  not_visible_yet: 'not visible yet when asked',
  not_sampled: 'not sampled, or no longer kept',
  damaged: 'damaged on disk',
  unsynced: 'written while the disk failed, packets may be missing',
};

/**
 * What an answer does not cover, and which rates it has where there are several, for people; undefined when it covers the whole
 * window at one rate. `unknown`: packets of the answer whose rate is not known.
 */
export function coverageText(coverage: InterfaceCoverage, unknown: number): string | undefined {
  const gaps = coverage.gaps.map(
    (gap) => `${formatTime(gap.from)} to ${formatTime(gap.to)}: ${why[gap.reason] ?? gap.reason.replaceAll('_', ' ')}`,
  );
  const several = new Set(coverage.rates.map(({ rate }) => rate)).size > 1;
  const texts = [
    gaps.length === 0 ? undefined : `no samples from ${gaps.join('; from ')}`,
    several ? ratesText(coverage.rates) : undefined,
    unknown === 0 ? undefined : `packets kept at a rate that is not known, and left out of the estimate: ${unknown}`,
  ].filter((text) => text !== undefined);
  return texts.length === 0 ? undefined : texts.join('; ');
}
