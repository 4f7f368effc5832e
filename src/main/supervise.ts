import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { controlAddress, sensorAddress } from '../bus/address.ts';
import { createRelay } from '../bus/relay.ts';
import { systemErrorText } from '../libpcap/system_error_text.ts';
import type { FaultName } from '../model/errors/catalogue.ts';
import { type Fault, FaultError, fault } from '../model/errors/fault.ts';
import { ambientEnvironment, childEnvironment } from './child_environment.ts';
import { busOf, child_stdio } from './bus_link.ts';
import { type FromChild, isChildMessage, type ReadyDetails, type ToChild } from './child_messages.ts';
import { memory_environment, memory_options } from './memory_options.ts';
import { endText, oomKills } from './out_of_memory.ts';
import type { Listener } from './own_ports.ts';
import { type ServeSettings, sensorSettings } from './settings.ts';
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
  /** What does not work, for people; to be asked once started. */
  troubles(): Promise<readonly string[]>;
  /** Shutting down is to wait for nothing more. */
  hurry(): void;
  /** What the settings name and what may have changed is read again: certificates. */
  reload(): void;
}

const restart_first_ms = 100;
const restart_most_ms = 5000;
/** A child that was at work for so long does not fail at its start. */
const steady_ms = 2000;
/** Of the time that all may take to end: after so long the sensor need not wait for control any more; a child is killed. */
const turn_ms = 10_000;
const kill_ms: Readonly<Record<ChildName, number>> = { control: 12_500, sensor: 14_000 };
/** What is killed may hang in the kernel: nobody can wait for that. */
const killed_ms = 500;
/** A signal to all processes comes to this one as well: a child that had one first waits so long for what it is told. */
const told_ms = 500;
/** A process that the system has no threads for aborts, and finds some later perhaps. */
const abort_signals: readonly (NodeJS.Signals | null)[] = ['SIGABRT', 'SIGTRAP', 'SIGILL'];
/** Control looks at what may hang for 2 s. */
const troubles_ms = 10_000;
/** Refusals that pass. */
const passing: readonly FaultName[] = ['thread_unstarted'];

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
 *
 * @param confined for each child the command, with its arguments, that becomes its program with less than this process may do
 */
export function supervise(
  settings: ServeSettings,
  logger: Logger,
  confined: Readonly<Record<ChildName, readonly string[]>> | undefined,
): Supervisor {
  const relay = createRelay();
  const children: Record<ChildName, Child> = {
    control: { failures: 0, first: Promise.withResolvers() },
    sensor: { failures: 0, first: Promise.withResolvers() },
  };
  let ending = false;
  /** Why there is no process of the sensor, or that it does not work yet. */
  let sensor_trouble: string | undefined = 'the sensor process has not started yet';
  let answered = Promise.withResolvers<readonly string[]>();
  const tellSensor = (trouble: string | undefined): void => {
    sensor_trouble = trouble;
    const { process: control } = children.control;
    const said = { edgetap: 'child', kind: 'sensor_process', ...(trouble === undefined ? {} : { trouble }) } as const;
    if (control !== undefined) tell(control, said);
  };

  /** Where control listens: known from the settings where they name it, told by control where the system chooses. */
  let listeners = listenersOf(settings);
  const tellListeners = (now: readonly Listener[]): void => {
    listeners = now;
    const { process: sensor } = children.sensor;
    if (sensor !== undefined) tell(sensor, { edgetap: 'child', kind: 'listeners', listeners });
  };

  const again = (name: ChildName, why: string, ended: Readonly<Record<string, unknown>>): void => {
    const child = children[name];
    const wait_ms = child.failures === 0 ? 0 : Math.min(restart_first_ms * 2 ** (child.failures - 1), restart_most_ms);
    logger.error({ child: name, ...ended, wait_ms }, `the ${name} process ${why}`);
    if (name === 'sensor') tellSensor(`the sensor process ${why}`);
    child.restart = setTimeout(() => launch(name), wait_ms);
  };

  const launch = (name: ChildName): void => {
    const child = children[name];
    const unstarted = (error: unknown): void => {
      child.failures += 1;
      const { message } = fault('process_unstarted', { name, reason: systemErrorText(error) });
      if (!ending) again(name, `is not there: ${message}`, {});
    };
    const forked = forkChild(programs[name], settings, confined?.[name]);
    if (forked.process === undefined) {
      unstarted(forked.error);
      return;
    }
    begin(name, forked.process, unstarted);
  };

  const neededBy = (name: ChildName): Omit<Extract<ToChild, { readonly kind: 'begin' }>, 'edgetap' | 'kind'> => {
    if (name === 'sensor') return { settings: sensorSettings(settings) };
    const ambient = settings.ambient_credentials ? { ambient: ambientEnvironment(process.env) } : {};
    return { settings: withPort(settings, children.control.details?.port), ...ambient };
  };

  const begin = (name: ChildName, forked: ChildProcess, unstarted: (error: unknown) => void): void => {
    const child = children[name];
    // Sending a signal can fail, too.
    forked.on('error', (error) => {
      if (forked.pid === undefined) unstarted(error);
    });
    if (forked.pid === undefined) return;
    const kills = oomKills();
    let ready_at: number | undefined;
    let refusal: Fault | undefined;
    child.process = forked;
    relay.attach(name === 'control' ? controlAddress : sensorAddress(settings.sensor), busOf(forked, name));
    forked.on('message', (message) => {
      if (!isChildMessage(message)) return;
      const said = message as FromChild;
      if (said.kind === 'refused') {
        refusal = said.fault;
        if (!passing.includes(said.fault.name)) child.first.reject(new FaultError([said.fault]));
      } else if (said.kind === 'ready') {
        ready_at = performance.now();
        child.details ??= said.details;
        if (said.details.listeners !== undefined) tellListeners(said.details.listeners);
        if (name === 'sensor') tellSensor(undefined);
        child.first.resolve(said.details);
      } else if (said.kind === 'troubles') {
        answered.resolve(said.reasons);
      } else if (said.kind === 'told_to_end') {
        setTimeout(() => {
          if (!ending) tell(forked, { edgetap: 'child', kind: 'shut_down' });
        }, told_ms);
      }
    });
    forked.once('exit', (code, signal) => {
      const reason = endText(code, signal, kills, oomKills());
      const passes = abort_signals.includes(signal) || (refusal !== undefined && passing.includes(refusal.name));
      if (!passes) child.first.reject(new FaultError([fault('process_ended', { name, reason })]));
      if (ending || (child.details === undefined && !passes)) return;
      const steady = ready_at !== undefined && performance.now() - ready_at > steady_ms;
      child.failures = steady ? 0 : child.failures + 1;
      const why = reason === (signal ?? `exit code ${code}`) ? '' : ` (${reason})`;
      again(name, `ended${why} and is started again${refusal === undefined ? '' : `: ${refusal.message}`}`, {
        code,
        signal,
      });
    });
    if (name === 'control') tellSensor(sensor_trouble);
    else if (listeners !== undefined) tellListeners(listeners);
    tell(forked, { edgetap: 'child', kind: 'begin', ...neededBy(name) });
  };

  let asked_at: number | undefined;
  const end = async (name: ChildName): Promise<void> => {
    const child = children[name];
    const { process: forked, restart } = child;
    clearTimeout(restart);
    if (forked === undefined || forked.exitCode !== null || forked.signalCode !== null) return;
    const gone = once(forked, 'exit');
    tell(forked, { edgetap: 'child', kind: 'shut_down' });
    const left_ms = Math.max(0, kill_ms[name] - (performance.now() - (asked_at ?? 0)));
    if (await isOver(gone, left_ms)) return;
    // One that had not begun yet has nothing to lose.
    logger[child.details === undefined ? 'info' : 'error'](
      { child: name },
      `the ${name} process does not end and is killed`,
    );
    forked.kill('SIGKILL');
    if (!(await isOver(gone, killed_ms))) logger.error({ child: name }, `the ${name} process hangs in the system`);
  };
  const hurried = Promise.withResolvers<void>();
  const hurry = (): void => {
    hurried.resolve();
    for (const { process } of Object.values(children)) {
      if (process !== undefined) tell(process, { edgetap: 'child', kind: 'hurry' });
    }
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
      asked_at ??= performance.now();
      const control = end('control');
      // Children of a supervisor that is told twice, or of one whose control hangs, end at the same time.
      if (!(await isOver(Promise.race([control, hurried.promise]), turn_ms))) hurry();
      await Promise.all([control, end('sensor')]);
    },
    troubles: async () => {
      answered = Promise.withResolvers();
      const { process } = children.control;
      if (process !== undefined) tell(process, { edgetap: 'child', kind: 'ask_troubles' });
      if (!(await isOver(answered.promise, troubles_ms))) return ['the control process does not answer'];
      return await answered.promise;
    },
    hurry,
    reload: () => {
      const { process } = children.control;
      if (process !== undefined) tell(process, { edgetap: 'child', kind: 'reload' });
    },
  };
}

/** Waits for something, so long at most; true where it has come. */
async function isOver(what: Promise<unknown>, limit_ms: number): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(() => late.resolve(false), limit_ms);
  try {
    return await Promise.race([what.then(() => true as const), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Where the system has no process, no open file or no memory for a child, some failures are thrown and some are told later. */
function forkChild(
  program: URL,
  settings: ServeSettings,
  confined: readonly string[] | undefined,
): { readonly process: ChildProcess } | { readonly process?: undefined; readonly error: unknown } {
  try {
    const process_id = String(process.pid);
    const [command = process.execPath, ...before] = confined === undefined ? [] : [...confined, process.execPath];
    return {
      process: fork(program, [process_id], {
        serialization: 'advanced',
        stdio: child_stdio,
        execPath: command,
        execArgv: [...before, ...process.execArgv, ...worker_options, ...memory_options],
        env: { ...compileCache(settings), ...memory_environment, ...childEnvironment(process.env, settings.data_dir) },
      }),
    };
  } catch (error) {
    return { error };
  }
}

/** Children that are started again compile nothing anew: half of the time that they need. Nobody else may write there. */
function compileCache({ data_dir }: ServeSettings): { readonly NODE_COMPILE_CACHE: string } {
  return { NODE_COMPILE_CACHE: join(data_dir, 'compile-cache') };
}

/** Where the system chose the API's port, a control that is started again takes the same. */
function withPort(settings: ServeSettings, port: number | undefined): ServeSettings {
  return port === undefined ? settings : { ...settings, listen: { ...settings.listen, port } };
}

/** Where control is going to listen; undefined where only the system knows. */
function listenersOf({ listen, metrics_listen }: ServeSettings): readonly Listener[] | undefined {
  const all = metrics_listen === undefined ? [listen] : [listen, metrics_listen];
  if (all.some(({ host, port }) => isIP(host) === 0 || port === 0)) return undefined;
  return all.map(({ host, port }) => ({ address: host, port }));
}

function tell(child: ChildProcess, message: ToChild): void {
  // A child that is gone already is seen to by its exit.
  if (child.connected) child.send(message, () => undefined);
}
