import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { controlAddress, sensorAddress } from '../bus/address.ts';
import { createRelay } from '../bus/relay.ts';
import { type Fault, FaultError, fault } from '../model/errors/fault.ts';
import { busOf, child_stdio } from './bus_link.ts';
import { type FromChild, isChildMessage, type ReadyDetails, type ToChild } from './child_messages.ts';
import { memory_environment, memory_options } from './memory_options.ts';
import type { ServeSettings } from './settings.ts';
import { worker_options } from './worker_options.ts';

/** The children of a supervisor. */
export type ChildName = 'control' | 'sensor';

/** One machine's edgetap: a control and a sensor, each in a process of its own. */
export interface Supervisor {
  /**
   * Resolves when both are ready for the first time. Rejects with what a child says that it cannot start with, or
   * `process_ended`; then nothing is started again, and the caller shuts down.
   */
  readonly started: Promise<Readonly<Record<ChildName, ReadyDetails>>>;
  /** What a child said when it was ready for the first time. */
  details(name: ChildName): ReadyDetails | undefined;
  /** Ends both in order, the control first: it needs the sensor to bring in what it has. Also before they have started. */
  shutDown(): Promise<void>;
  /** Shutting down is to wait for nothing more. */
  hurry(): void;
}

const restart_first_ms = 100;
const restart_most_ms = 5000;
/** A child that was at work for so long does not fail at its start. */
const steady_ms = 2000;
const farewell_ms = 40_000;

const programs = {
  control: new URL('./control_process.ts', import.meta.url),
  sensor: new URL('./sensor_process.ts', import.meta.url),
};

interface Child {
  process?: ChildProcess;
  details?: ReadyDetails;
  /** Lives in a row that were no good. */
  failures: number;
  restart?: NodeJS.Timeout;
  readonly first: PromiseWithResolvers<ReadyDetails>;
}

/**
 * Starts both children and keeps them running: one that dies is started again, at once the first time, with growing
 * pauses where it does not come to work.
 */
export function supervise(settings: ServeSettings, logger: Logger): Supervisor {
  const relay = createRelay();
  const children: Record<ChildName, Child> = {
    control: { failures: 0, first: Promise.withResolvers() },
    sensor: { failures: 0, first: Promise.withResolvers() },
  };
  let ending = false;

  const launch = (name: ChildName): void => {
    const child = children[name];
    const forked = fork(programs[name], {
      serialization: 'advanced',
      stdio: child_stdio,
      execArgv: [...process.execArgv, ...worker_options, ...memory_options],
      env: { ...compileCache(settings), ...memory_environment, ...process.env },
    });
    let ready_at: number | undefined;
    let refusal: Fault | undefined;
    child.process = forked;
    relay.attach(name === 'control' ? controlAddress : sensorAddress(settings.sensor), busOf(forked, name));
    forked.on('message', (message) => {
      if (!isChildMessage(message)) return;
      const said = message as FromChild;
      if (said.kind === 'refused') {
        refusal = said.fault;
        child.first.reject(new FaultError([said.fault]));
      } else if (said.kind === 'ready') {
        ready_at = performance.now();
        child.details ??= said.details;
        child.first.resolve(said.details);
      }
    });
    forked.once('exit', (code, signal) => {
      const reason = signal ?? `exit code ${code}`;
      child.first.reject(new FaultError([fault('process_ended', { name, reason })]));
      if (ending || child.details === undefined) return;
      const steady = ready_at !== undefined && performance.now() - ready_at > steady_ms;
      child.failures = steady ? 0 : child.failures + 1;
      const wait_ms =
        child.failures === 0 ? 0 : Math.min(restart_first_ms * 2 ** (child.failures - 1), restart_most_ms);
      const why = refusal === undefined ? '' : `: ${refusal.message}`;
      logger.error({ child: name, code, signal, wait_ms }, `the ${name} process ended and is started again${why}`);
      child.restart = setTimeout(() => launch(name), wait_ms);
    });
    tell(forked, { edgetap: 'child', kind: 'begin', settings: withPort(settings, children.control.details?.port) });
  };

  const end = async (name: ChildName): Promise<void> => {
    const { process: forked, restart } = children[name];
    clearTimeout(restart);
    if (forked === undefined || forked.exitCode !== null || forked.signalCode !== null) return;
    const gone = once(forked, 'exit');
    tell(forked, { edgetap: 'child', kind: 'shut_down' });
    const timer = setTimeout(() => {
      logger.error({ child: name }, `the ${name} process does not end and is killed`);
      forked.kill('SIGKILL');
    }, farewell_ms);
    await gone;
    clearTimeout(timer);
  };

  // The sensor first asks control when both are there, so neither waits for the other.
  launch('control');
  launch('sensor');
  const started = (async (): Promise<Readonly<Record<ChildName, ReadyDetails>>> => {
    const [control, sensor] = await Promise.all([children.control.first.promise, children.sensor.first.promise]);
    return { control, sensor };
  })();
  // Who shuts down before the start is over does not hear of it.
  started.catch(() => undefined);
  return {
    started,
    details: (name) => children[name].details,
    shutDown: async () => {
      ending = true;
      await end('control');
      await end('sensor');
    },
    hurry: () => {
      for (const { process } of Object.values(children)) {
        if (process !== undefined) tell(process, { edgetap: 'child', kind: 'hurry' });
      }
    },
  };
}

/** Children that are started again compile nothing anew: half of the time that they need. Nobody else may write there. */
function compileCache({ data_dir }: ServeSettings): { readonly NODE_COMPILE_CACHE: string } {
  return { NODE_COMPILE_CACHE: join(data_dir, 'compile-cache') };
}

/** Where the system chose the API's port, a control that is started again takes the same. */
function withPort(settings: ServeSettings, port: number | undefined): ServeSettings {
  return port === undefined ? settings : { ...settings, listen: { ...settings.listen, port } };
}

function tell(child: ChildProcess, message: ToChild): void {
  // A child that is gone already is seen to by its exit.
  if (child.connected) child.send(message, () => undefined);
}
