import { type Fault, faultNamed } from '../model/errors/fault.ts';
import { limits } from '../model/limits.ts';
import type { AskControl } from './ask_control.ts';
import { attempt } from './attempt.ts';
import type { Clock } from './clock.ts';
import type { SensorDescription } from './describe_sensor.ts';
import type { Outbox } from './outbox.ts';
import type { Work } from './work.ts';

/** What the beat takes. */
export interface BeatDeps {
  readonly ask: AskControl;
  readonly clock: Clock;
  readonly outbox: Outbox;
  readonly work: Work;
  readonly signal: AbortSignal;
  warn(fault: Fault, context: string): void;
  /** The sensor as it is now. */
  describe(): Promise<SensorDescription>;
}

/** The sensor's dealings with control, driven by time: everything is said again until it has been heard. */
export interface Beat {
  /** Control says that the work is of this generation now. */
  nudge(generation: bigint): void;
  /** Something should be told at once. */
  soon(): void;
  /** Runs until the signal fires. */
  run(): Promise<void>;
  /** Resolves once control has heard of the sensor. */
  readonly known: Promise<void>;
}

const heartbeat_ms = 2000;
const progress_ms = 1000;
/** What one message may hold. */
const reports_max = 1024;

/** Makes the beat of a sensor. */
export function createBeat(deps: BeatDeps): Beat {
  const { ask, clock, outbox, work, signal } = deps;
  let have = -1n;
  let want = 0n;
  let heard = false;
  let wake = new AbortController();
  const known = Promise.withResolvers<void>();

  const tellReports = async (): Promise<void> => {
    const reports = outbox.pending().slice(0, reports_max);
    if (reports.length === 0) return;
    const { committed, refused = [] } = await ask({ kind: 'report', reports }, 'report_ok');
    // Before they count as told: what waits for that goes on with it.
    for (const { fault: why, ...part } of refused) work.leave(part, faultNamed(why));
    for (const { capture_id, interface: name, sequence } of committed) outbox.commit(capture_id, name, sequence);
  };
  const fetchWork = async (): Promise<void> => {
    if (have === want) return;
    const { generation, assignments, over } = await ask(
      { kind: 'desired', holds: work.holds().slice(0, limits.parts_told_max) },
      'work',
    );
    work.reconcile(assignments, over ?? []);
    have = generation;
  };
  const heartbeat = async (): Promise<void> => {
    const { generation } = await ask(
      { kind: 'heartbeat', generation: have, ...(await deps.describe()) },
      'heartbeat_ok',
    );
    want = generation;
    heard = true;
    known.resolve();
  };

  /** Runs again and again, `ms` apart or when woken. What fails is tried again at its next turn. */
  const every = async (ms: number, woken: boolean, run: () => Promise<void>): Promise<void> => {
    let before: string | undefined;
    while (!signal.aborted) {
      const woke = wake.signal;
      const fault = await attempt(run);
      // Told once, until it is another one or over. That control is not there yet is no news at the start.
      const told = fault === undefined || fault.message === before || (!heard && fault.name === 'bus_closed');
      if (!told) deps.warn(fault, 'dealing with control');
      before = fault?.message;
      if (!(woken && woke.aborted)) await clock.sleep(ms, woken ? AbortSignal.any([signal, woke]) : signal);
    }
  };
  const soon = (): void => {
    const woken = wake;
    wake = new AbortController();
    woken.abort();
  };

  return {
    nudge: (generation) => {
      want = generation;
      soon();
    },
    soon,
    known: known.promise,
    run: async () => {
      await Promise.all([
        every(heartbeat_ms, false, async () => {
          const before = want;
          await heartbeat();
          if (want !== before || have !== want) soon();
        }),
        every(progress_ms, true, fetchWork),
        every(progress_ms, true, tellReports),
        every(progress_ms, false, async () => work.progress()),
      ]);
    },
  };
}
