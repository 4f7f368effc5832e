import type { SensorBus } from '../bus/bus.ts';
import type { CaptureEngine } from '../capture/capture_engine.ts';
import type { Spool } from '../capture/spool.ts';
import type { FilterCompiler } from '../libpcap/compiler_pool.ts';
import type { HostInterface } from '../libpcap/interfaces.ts';
import type { Fault } from '../model/errors/fault.ts';
import { wireVersion } from '../wire/version.ts';
import { askControl, type Identity } from './ask_control.ts';
import { createBeat } from './beat.ts';
import type { Clock } from './clock.ts';
import { Outbox } from './outbox.ts';
import type { PartSenderFactory } from './send_part.ts';
import type { SensorSamples } from './sensor_samples.ts';
import { createWork } from './work.ts';

/** What a sensor is made of. */
export interface SensorParts {
  readonly who: Identity;
  readonly bus: SensorBus;
  readonly engine: CaptureEngine;
  readonly compiler: FilterCompiler;
  readonly spool: Spool;
  readonly spool_limit_bytes: bigint;
  readonly samples: SensorSamples;
  readonly senders: PartSenderFactory;
  readonly clock: Clock;
  /** The interfaces that this sensor serves, as they are now. */
  interfaces(): readonly HostInterface[];
  /** The operator is told. */
  warn(fault: Fault, context: string): void;
  /** A defect: the process must not go on. */
  crash(error: unknown): void;
}

/** A sensor at work. */
export interface Sensor {
  /** Ends what it captures, reason shutdown, tells control if it can, and stops. What is in the spool goes on next time. */
  stop(): Promise<void>;
}

const bus_timeout_ms = 10_000;
/** How long a stopping sensor tries to tell and deliver what it has. */
const farewell_ms = 5000;

/** Starts the sensor's loops: work left by an earlier process first, then what control wants. */
export async function startSensor(parts: SensorParts): Promise<Sensor> {
  const { who, bus, clock } = parts;
  const stopping = new AbortController();
  const ask = askControl(bus, who, wireVersion, bus_timeout_ms);
  const outbox = new Outbox(() => beat.soon());
  const work = await createWork({ ...parts, ask, outbox, sender: parts.senders(ask, clock) });
  const beat = createBeat({ ...parts, ask, outbox, work, signal: stopping.signal });
  bus.serve({
    nudge: (generation) => beat.nudge(generation),
    lookback: (request, signal) => parts.samples.lookback(request, signal),
  });
  const running = beat.run();
  running.catch((error: unknown) => parts.crash(error));
  return {
    stop: async () => {
      await work.stop('shutdown');
      await Promise.race([work.settled(), clock.sleep(farewell_ms, stopping.signal), bus.closed]);
      stopping.abort();
      await running;
    },
  };
}
