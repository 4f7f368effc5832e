import { limits } from '../../model/limits.ts';
import { formatTime } from '../../model/time.ts';
import type { InterfaceCoverage } from '../../wire/control_messages.ts';
import { ratesText } from './rates_text.ts';

const why: Readonly<Record<string, string>> = {
  not_visible_yet: 'not visible yet when asked',
  not_sampled: 'not sampled, or no longer kept',
  damaged: 'damaged on disk',
  unsynced: 'written while the disk failed, packets may be missing',
  interface_renamed: 'interface renamed, its name free or going to another',
  shutdown: 'shutdown of the sensor',
  crash: 'crash of the sensor',
  write_failed: 'write failed, the disk did not take them',
};

/** So many gaps are told; of more, how many there are. */
const gaps_told_max = 20;

/**
 * What an answer does not cover, and which rates it has where there are several, for people; undefined when it covers the whole
 * window at one rate. `unknown`: packets of the answer whose rate is not known.
 */
export function coverageText(coverage: InterfaceCoverage, unknown: number): string | undefined {
  const several = new Set(coverage.rates.map(({ rate }) => rate)).size > 1;
  return joined([
    gapsText(coverage),
    unjudgedText(coverage),
    several ? ratesText(coverage.rates) : undefined,
    unknown === 0 ? undefined : `packets kept at a rate that is not known, and left out of the estimate: ${unknown}`,
  ]);
}

/** What of an answer is or may be missing, and why, for people; undefined where it has all that was asked for. */
export function missingText(coverage: InterfaceCoverage): string | undefined {
  const { clock_set = [], samples_from, samples_to } = coverage;
  const gaps = gapsText(coverage);
  const all =
    samples_from === undefined || samples_to === undefined
      ? 'there are no samples yet'
      : `there are samples from ${formatTime(samples_from)} to ${formatTime(samples_to)}`;
  return joined([
    ...(gaps === undefined ? [] : [gaps, all, coverage.fault?.message.replace(/\.$/, '')]),
    lostText(coverage),
    unjudgedText(coverage),
    ...clock_set.map(
      (time) => `the clock was set at ${formatTime(time)}: samples around then may be missing or have wrong times`,
    ),
  ]);
}

/** How many samples were lost, for people; undefined where none were. */
function lostText({
  dropped,
  dropped_is_upper_bound,
}: Pick<InterfaceCoverage, 'dropped' | 'dropped_is_upper_bound'>): string | undefined {
  if (dropped === 0n) return undefined;
  const most = dropped_is_upper_bound === true ? 'at most ' : '';
  return `${most}${dropped} ${dropped === 1n ? 'sample was' : 'samples were'} lost, matching or not`;
}

/** How many samples were too short to be judged, for people; undefined where none were. */
function unjudgedText({ unjudged }: InterfaceCoverage): string | undefined {
  if (unjudged === undefined) return undefined;
  const samples = unjudged === 1 ? '1 sample' : `${unjudged} samples`;
  return `the filter reads behind the ${limits.sample_snaplen_bytes} bytes that are kept of a packet: at most ${samples} more may match`;
}

function gapsText({ gaps, samples_from }: InterfaceCoverage): string | undefined {
  if (gaps.length === 0) return undefined;
  const told = gaps.slice(0, gaps_told_max).map((gap) => {
    const before = gap.reason === 'not_sampled' && samples_from !== undefined && gap.to <= samples_from;
    const reason = before ? 'before the oldest sample' : (why[gap.reason] ?? gap.reason.replaceAll('_', ' '));
    return `${formatTime(gap.from)} to ${formatTime(gap.to)}: ${reason}`;
  });
  const more = gaps.length > told.length ? `; and ${gaps.length - told.length} more times` : '';
  return `no samples from ${told.join('; from ')}${more}`;
}

function joined(texts: readonly (string | undefined)[]): string | undefined {
  const said = texts.filter((text) => text !== undefined);
  return said.length === 0 ? undefined : said.join('; ');
}
