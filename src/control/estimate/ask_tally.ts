import type { ControlBus } from '../../bus/bus.ts';
import { type Fault, FaultError, faultNamed } from '../../model/errors/fault.ts';
import type { EstimateOrder, InterfaceTally } from '../../wire/control_messages.ts';

/** What one sensor counted, or why it did not. */
export type TallyOutcome =
  | { readonly kind: 'tally'; readonly interfaces: readonly InterfaceTally[] }
  | { readonly kind: 'silent' | 'refused'; readonly fault: Fault };

/** What asking sensors takes. */
export interface AskTallyDeps {
  readonly bus: ControlBus;
  /** Returns early, and does not throw, when the signal fires. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** Counting all packets of five minutes takes a sensor longer than finding the newest, and there is but one answer. */
const answer_ms = 10_000;
/** A sensor that answers others at the moment is asked so many times. */
const tries_max = 10;
const pause_ms = 200;

/** Asks one sensor for its counts. One that is not there is not waited for: an estimate is soon asked for again. */
export async function askTally(
  deps: AskTallyDeps,
  sensor: string,
  order: EstimateOrder,
  signal: AbortSignal,
): Promise<TallyOutcome> {
  for (let tries = 1; ; tries += 1) {
    const outcome = await askOnce(deps.bus, sensor, order, signal);
    const busy = outcome.kind === 'refused' && outcome.fault.name === 'lookback_busy';
    if (!busy || tries === tries_max || signal.aborted) return outcome;
    await deps.sleep(pause_ms, signal);
  }
}

async function askOnce(
  bus: ControlBus,
  sensor: string,
  order: EstimateOrder,
  signal: AbortSignal,
): Promise<TallyOutcome> {
  try {
    const reply = await bus.estimate(sensor, order, { timeout_ms: answer_ms, signal });
    return reply.kind === 'tally' ? reply : { kind: 'refused', fault: faultNamed(reply.fault) };
  } catch (error) {
    if (error instanceof FaultError) return { kind: 'silent', fault: error.faults[0] };
    throw error;
  }
}
