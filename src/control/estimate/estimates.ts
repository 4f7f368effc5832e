import { joinFilter } from '../../filter/join_filter.ts';
import { raise } from '../../model/errors/fault.ts';
import type { Estimate, EstimateSpec } from '../../model/estimate.ts';
import type { TimeNs } from '../../model/time.ts';
import { sensorsOfColo } from '../../plan/choose_parts.ts';
import { estimateCapture } from '../../plan/estimate_capture.ts';
import { observedWindow } from '../../plan/observed_window.ts';
import type { EstimateOrder } from '../../wire/control_messages.ts';
import { wireVersion } from '../../wire/version.ts';
import { type CheckDeps, type Checked, checkEstimate } from '../captures/check_capture.ts';
import { Turns } from '../../model/turns.ts';
import type { EstimateControl } from '../control.ts';
import { membersSince } from '../fleet/members.ts';
import { type AskTallyDeps, askTally } from './ask_tally.ts';
import { observedShares } from './observed_shares.ts';

/** What estimates take. */
export interface EstimateDeps extends CheckDeps, AskTallyDeps {
  /** Why no question is taken at the moment, if so. */
  refusal(): string | undefined;
  /** Fires when control ends. */
  readonly closing: AbortSignal;
}

/** Half of what a sensor answers at one time: the rest is for captures. */
const estimates_at_once = 2;
/** So many more may wait for their turn. */
const waiting_max = 16;

/** Answers what captures would catch. Nothing is written, and no rate of creates is used up. */
export function createEstimates(deps: EstimateDeps): EstimateControl {
  const turns = new Turns(estimates_at_once);
  let asked = 0;

  const askSensors = async (
    { spec, scope, fleet }: Checked<EstimateSpec>,
    now: TimeNs,
    signal: AbortSignal,
  ): Promise<Estimate> => {
    const window = observedWindow(spec, now);
    const sensors = spec.type === 'full' ? sensorsOfColo(spec.colo_name, fleet, scope) : fleet;
    const members = membersSince(sensors, spec.type === 'full' ? undefined : window.from, deps);
    const order: EstimateOrder = {
      kind: 'estimate',
      version: wireVersion,
      filter: joinFilter({ filter_v1: spec.filter_v1, expression: spec.filter_expression, networks: scope.networks }),
      ...window,
    };
    const shares = await Promise.all(
      members.map(async ({ sensor, absent }) => {
        const outcome =
          absent === undefined
            ? await askTally(deps, sensor.name, order, signal)
            : ({ kind: 'silent', fault: absent } as const);
        return observedShares(spec.type, sensor, outcome, window);
      }),
    );
    if (signal.aborted) raise('unavailable', { what: 'The estimate', reason: 'it was given up' });
    return estimateCapture(spec, window, shares.flat());
  };

  return {
    estimate: async (by, body, gone) => {
      const reason = deps.refusal();
      if (reason !== undefined) raise('unavailable', { what: 'edgetap', reason });
      const now = deps.db.wall();
      const checked = await checkEstimate(deps, by, body, now);
      const limit = estimates_at_once + waiting_max;
      if (asked >= limit) raise('estimates_busy', { limit });
      asked += 1;
      try {
        return await turns.take(async () => await askSensors(checked, now, AbortSignal.any([gone, deps.closing])));
      } finally {
        asked -= 1;
      }
    },
  };
}
