import type { EstimateSpec } from '../../model/estimate.ts';
import type { FleetMember } from '../../plan/choose_parts.ts';
import { coveredTime } from '../../model/covered_time.ts';
import type { ObservedShare } from '../../plan/estimate_capture.ts';
import type { InterfaceTally } from '../../wire/control_messages.ts';
import { coverageText } from '../lookback/coverage_text.ts';
import { greatestRate } from '../lookback/greatest_rate.ts';
import { shareName } from '../lookback/share_name.ts';
import type { TallyOutcome } from './ask_tally.ts';

/** The time whose samples were counted. */
interface Window {
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * What one sensor said, interface by interface. A simple capture is about all samples that there are; a full one about the interfaces
 * that the sensor has now, sampled or not.
 */
export function observedShares(
  type: EstimateSpec['type'],
  sensor: FleetMember,
  outcome: TallyOutcome,
  window: Window,
): readonly ObservedShare[] {
  const base = { sensor: sensor.name, colo: sensor.colo };
  if (outcome.kind !== 'tally') {
    const status = outcome.kind === 'silent' ? 'no_answer' : 'failed';
    return sensor.interfaces.map((port) => ({ ...base, interface: port.name, status, error: outcome.fault.message }));
  }
  const all = outcome.interfaces.map(({ coverage }) => coverage);
  const shareOf = (tally: InterfaceTally): ObservedShare => ({
    ...base,
    interface: shareName(all, tally.coverage),
    ...observedBy(tally, window),
  });
  if (type === 'simple') return outcome.interfaces.map(shareOf);
  return sensor.interfaces.flatMap((port): readonly ObservedShare[] => {
    const own = outcome.interfaces.filter(({ coverage }) => coverage.interface === port.name);
    if (own.length > 0) return own.map(shareOf);
    return [{ ...base, interface: port.name, status: 'failed', error: 'this interface is not sampled' }];
  });
}

function observedBy(
  { coverage, packets, captured_bytes, estimated, talkers }: InterfaceTally,
  window: Window,
): Omit<ObservedShare, 'sensor' | 'interface' | 'colo'> {
  if (coverage.excluded !== undefined) return { status: 'excluded', error: coverage.excluded };
  const text = coverageText(coverage, 0);
  return {
    status: 'done',
    dropped: coverage.dropped,
    ...(coverage.rates.length === 0 ? {} : { sample_rate: greatestRate(coverage) }),
    ...(text === undefined ? {} : { coverage: text }),
    observed: {
      packets,
      captured_bytes,
      ...(estimated === undefined ? {} : { estimated }),
      covered_ns: coveredTime(window, coverage.gaps),
      talkers,
    },
  };
}
