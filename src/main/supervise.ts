import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Logger } from 'pino';
import { createRelay } from '../bus/relay.ts';
import { processLink } from '../bus/process_link.ts';
import { FaultError } from '../model/errors/fault.ts';
import { type FromChild, isChildMessage, type ReadyDetails, type ToChild } from './child_messages.ts';
import type { ServeSettings } from './settings.ts';

/** One machine's edgetap: a control and a sensor, each in a process of its own. */
export interface Supervised {
  /** Ends both in order, the control first: it needs the sensor to bring in what it has. */
  shutDown(): Promise<void>;
}

const restart_first_ms = 100;
const restart_most_ms = 5000;
/** A child that lived so long is not failing at its start. */
const steady_ms = 30_000;
const farewell_ms = 40_000;

type Name = 'control' | 'sensor';

const programs = {
  control: new URL('./control_process.ts', import.meta.url),
  sensor: new URL('./sensor_process.ts', import.meta.url),
};

/**
 * Starts both children and keeps them running: one that dies is started again, at once the first time, with growing
 * pauses after. Resolves when both are ready. Throws what a child says that it cannot start with.
 */
export async function supervise(
  settings: ServeSettings,
  logger: Logger,
): Promise<{ readonly supervised: Supervised; readonly control: ReadyDetails; readonly sensor: ReadyDetails }> {
  const relay = createRelay();
  const children = new Map<Name, ChildProcess>();
  let ending = false;
  let failures = 0;

  const launch = (name: Name): Promise<ReadyDetails> => {
    const child = fork(programs[name], { serialization: 'advanced' });
    const born = performance.now();
    children.set(name, child);
    relay.attach(name === 'control' ? name : settings.sensor, processLink(child, name));
    const ready = Promise.withResolvers<ReadyDetails>();
    ready.promise.catch(() => undefined); // a restarted child's is nobody's to hear
    child.on('message', (message) => {
      if (!isChildMessage(message)) return;
      const said = message as FromChild;
      if (said.kind === 'ready') ready.resolve(said.details);
      if (said.kind === 'refused') ready.reject(new FaultError([said.fault]));
    });
    child.once('exit', (code, signal) => {
      ready.reject(new Error(`the ${name} process ended (${signal ?? code})`));
      if (ending) return;
      failures = performance.now() - born > steady_ms ? 0 : failures + 1;
      const wait_ms = failures === 0 ? 0 : Math.min(restart_first_ms * 2 ** (failures - 1), restart_most_ms);
      logger.error({ child: name, code, signal, wait_ms }, `the ${name} process ended and is started again`);
      setTimeout(() => {
        if (!ending) void launch(name);
      }, wait_ms);
    });
    tell(child, { edgetap: 'child', kind: 'begin', settings });
    return ready.promise;
  };

  const end = async (name: Name): Promise<void> => {
    const child = children.get(name);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    tell(child, { edgetap: 'child', kind: 'shut_down' });
    const timer = setTimeout(() => {
      logger.error({ child: name }, `the ${name} process does not end and is killed`);
      child.kill('SIGKILL');
    }, farewell_ms);
    await gone;
    clearTimeout(timer);
  };
  const shutDown = async (): Promise<void> => {
    ending = true;
    await end('control');
    await end('sensor');
  };

  try {
    // The sensor first asks control when both are there, so neither waits for the other.
    const [control, sensor] = await Promise.all([launch('control'), launch('sensor')]);
    return { supervised: { shutDown }, control, sensor };
  } catch (error) {
    await shutDown();
    throw error;
  }
}

function tell(child: ChildProcess, message: ToChild): void {
  // A child that is gone already is seen to by its exit.
  if (child.connected) child.send(message, () => undefined);
}
