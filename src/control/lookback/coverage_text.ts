import { formatTime } from '../../model/time.ts';
import type { InterfaceCoverage } from '../../wire/control_messages.ts';

const why: Readonly<Record<string, string>> = {
  not_visible_yet: 'not visible yet when asked',
  not_sampled: 'not sampled, or no longer kept',
  damaged: 'damaged on disk',
};

/** What an answer does not cover, for people; undefined when it covers the whole window. */
export function coverageText(coverage: InterfaceCoverage): string | undefined {
  const gaps = coverage.gaps.map(
    (gap) => `${formatTime(gap.from)} to ${formatTime(gap.to)}: ${why[gap.reason] ?? gap.reason.replaceAll('_', ' ')}`,
  );
  return gaps.length === 0 ? undefined : `no samples from ${gaps.join('; from ')}`;
}
