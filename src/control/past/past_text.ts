import { formatTime } from '../../model/time.ts';
import type { InterfaceCoverage } from '../../wire/control_messages.ts';
import { coverageText, missingText } from '../lookback/coverage_text.ts';

/** Two readings of the difference between the clocks of a host never agree to the nanosecond. */
const step_min_ns = 10_000_000n;

/** The clocks of a part's host, wall less monotonic, in nanoseconds: when the part armed and when the samples were asked for. */
export interface PastClock {
  readonly armed?: bigint | undefined;
  readonly answered?: bigint | undefined;
}

/** What the samples of a part's past do not cover or may have wrong, for people; undefined where there is nothing to say. */
export function pastText(coverage: readonly InterfaceCoverage[], clock: PastClock): string | undefined {
  const texts = coverage.flatMap((one) =>
    [
      one.excluded === undefined ? [] : `samples of link type ${one.linktype ?? 'unknown'}: ${one.excluded}`,
      coverageText(one, 0) ?? [],
      (one.clock_set ?? []).map(
        (time) => `the clock was set at ${formatTime(time)}: samples around then may be missing or have wrong times`,
      ),
    ].flat(),
  );
  if (coverage.length === 0) texts.push('the interface is not sampled');
  const moved = stepped(clock);
  if (moved !== undefined) texts.push(moved);
  return texts.length === 0 ? undefined : texts.join('; ');
}

/** What of a part's past is or may be missing, for people: with it the capture is partial. Undefined where nothing is. */
export function pastMissing(coverage: readonly InterfaceCoverage[], clock: PastClock): string | undefined {
  // Of a link type that cannot have the filter nothing is missing.
  const texts = coverage.flatMap((one) => missingText(one) ?? []);
  if (coverage.length === 0) texts.push('the interface is not sampled');
  const moved = stepped(clock);
  if (moved !== undefined) texts.push(moved);
  return texts.length === 0 ? undefined : texts.join('; ');
}

function stepped({ armed, answered }: PastClock): string | undefined {
  if (armed === undefined || answered === undefined) return undefined;
  const by = answered - armed;
  if (by < step_min_ns && by > -step_min_ns) return undefined;
  const text = `${by < 0n ? 'back' : 'forward'} by ${(Math.abs(Number(by)) / 1e9).toFixed(3)} s`;
  return `the clock was set ${text} after the capture began, or its host started anew: packets around the beginning may be missing or there twice`;
}
