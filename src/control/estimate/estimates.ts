import { joinFilter } from '../../filter/join_filter.ts';
import { FaultError, raise } from '../../model/errors/fault.ts';
import type { Estimate, EstimateSpec } from '../../model/estimate.ts';
import type { TimeNs } from '../../model/time.ts';
import { sensorsOfColo } from '../../plan/choose_parts.ts';
import { estimateCapture } from '../../plan/estimate_capture.ts';
import { observedWindow } from '../../plan/observed_window.ts';
import type { EstimateOrder } from '../../wire/control_messages.ts';
import { wireVersion } from '../../wire/version.ts';
import { type CheckDeps, type Checked, checkEstimate } from '../captures/check_capture.ts';
import { FairTurns } from '../../model/fair_turns.ts';
import type { LimitCounts } from '../../model/limit_counts.ts';
import type { EstimateControl } from '../control.ts';
import type { RefusalRate } from '../creates/refusal_rate.ts';
import { membersSince } from '../fleet/members.ts';
import { type AskTallyDeps, askTally } from './ask_tally.ts';
import { observedShares } from './observed_shares.ts';

/** What estimates take. */
export interface EstimateDeps extends CheckDeps, AskTallyDeps {
  /** Why no question is taken at the moment, if so. */
  refusal(): string | undefined;
  readonly refusals: RefusalRate;
  /** `estimates` and `estimates_waiting` count. */
  readonly limits: LimitCounts;
  /** Fires when control ends. */
  readonly closing: AbortSignal;
}

/** Answers what captures would catch. Nothing is written, and no rate of creates is used up. */
export function createEstimates(deps: EstimateDeps): EstimateControl {
  const { limits } = deps;
  const { estimates: total, estimates_waiting: waiting_per_owner } = limits.values;
  const turns = new FairTurns({ total, per_owner: Math.max(1, total - 1), waiting_per_owner });
  limits.measure('estimates', () => turns.running);
  limits.measure('estimates_waiting', () => turns.most_waiting);
  const full = (): never => {
    throw new FaultError([limits.refuse('estimates_waiting')]);
  };

  const askSensors = async (
    account_id: string,
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
      account: account_id,
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
      const check = async (): Promise<Checked<EstimateSpec>> => await checkEstimate(deps, by, body, now);
      const checked = await deps.refusals.guard(by.principal.id, check);
      const signal = AbortSignal.any([gone, deps.closing]);
      const ask = async (): Promise<Estimate> => await askSensors(by.account_id, checked, now, signal);
      try {
        return await turns.take(by.account_id, ask, full, signal);
      } catch (error) {
        if (!signal.aborted || error instanceof FaultError) throw error;
        return raise('unavailable', { what: 'The estimate', reason: 'it was given up' });
      }
    },
  };
}
