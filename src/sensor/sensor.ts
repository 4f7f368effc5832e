import type { SensorBus } from '../bus/bus.ts';
import type { CaptureEngine } from '../capture/capture_engine.ts';
import type { RecoveredPart, Spool, StrayEntry } from '../capture/spool.ts';
import type { FilterCompiler } from '../libpcap/compiler_pool.ts';
import type { HostInterface } from '../libpcap/interfaces.ts';
import type { Fault } from '../model/errors/fault.ts';
import type { SampleStore } from '../samples/sample_store.ts';
import { wireVersion } from '../wire/version.ts';
import { type AskControl, askControl, type Identity } from './ask_control.ts';
import { answerEstimate } from './answer_estimate.ts';
import { answerLookback } from './answer_lookback.ts';
import { createBeat } from './beat.ts';
import type { Clock } from './clock.ts';
import { describeSensor } from './describe_sensor.ts';
import { onceATurn } from './once_a_turn.ts';
import { Outbox } from './outbox.ts';
import type { PartSender } from './send_part.ts';
import { createWork } from './work.ts';

/** What a sensor is made of; main builds it all. */
export interface SensorParts {
  readonly who: Identity;
  readonly bus: SensorBus;
  readonly engine: CaptureEngine;
  readonly compiler: FilterCompiler;
  readonly spool: Spool;
  /** What the spool held when it was opened. */
  readonly recovered: readonly RecoveredPart[];
  /** What else it held. */
  readonly strays: readonly StrayEntry[];
  readonly samples: SampleStore;
  /** Makes the sender of parts from the way to ask control. */
  readonly sender: (ask: AskControl) => PartSender;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** The wall clock less the monotonic one, in nanoseconds: changes when the clock is set. */
  readonly clockOffset: () => bigint;
  /** The interfaces that this sensor serves, as they are now. */
  interfaces(): readonly HostInterface[];
  /** Are these all that there are, whatever comes? */
  readonly serves_all: boolean;
  /** What is to be sampled and is not, and why. */
  unsampled(): ReadonlyMap<string, Fault>;
  /** The operator is told. */
  warn(fault: Fault, context: string): void;
  /** A defect: the process must not go on. */
  crash(error: unknown): void;
}

/** A sensor at work. */
export interface Sensor {
  /** Resolves once control has heard of it. */
  readonly known: Promise<void>;
  /**
   * Ends what it captures, reason shutdown, tells control and delivers if it can within a few seconds and before `hurry`
   * fires, and stops. What is still in the spool goes on at the next start.
   */
  stop(hurry: AbortSignal): Promise<void>;
}

const bus_timeout_ms = 10_000;
const farewell_ms = 5000;

/** Starts the sensor's loops: what an earlier process left in the spool first, then what control wants. */
export async function startSensor(parts: SensorParts): Promise<Sensor> {
  const { who, bus, clock } = parts;
  const stopping = new AbortController();
  const ask = askControl(bus, who, wireVersion, bus_timeout_ms);
  // What an earlier process left speaks up before there is a beat, whose first turn then tells all of it.
  let wake = (): void => undefined;
  const outbox = new Outbox(
    () => wake(),
    () => clock.monotonic(),
  );
  const interfaces = onceATurn(() => parts.interfaces());
  const work = await createWork({
    ...parts,
    outbox,
    sender: parts.sender(ask),
    findInterface: (name) => interfaces().find((port) => port.name === name),
  });
  const beat = createBeat({
    ask,
    clock,
    outbox,
    work,
    signal: stopping.signal,
    warn: (fault, context) => parts.warn(fault, context),
    describe: describeSensor({ ...parts, setAside: () => work.setAside() }),
  });
  wake = () => beat.soon();
  bus.serve({
    nudge: (generation) => beat.nudge(generation),
    lookback: (request, signal) => answerLookback(parts, request, signal),
    estimate: async (order, signal) => await answerEstimate(parts.samples, parts.compiler, order, signal),
  });
  const running = beat.run();
  running.catch((error: unknown) => parts.crash(error));
  return {
    known: beat.known,
    stop: async (hurry) => {
      await work.stop('shutdown');
      await Promise.race([work.settled(), clock.sleep(farewell_ms, hurry), bus.closed]);
      stopping.abort();
      await running;
    },
  };
}
