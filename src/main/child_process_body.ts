import { flushCompileCache } from 'node:module';
import type { Logger } from 'pino';
import { guardProcessEnd } from '../libpcap/process_end.ts';
import { type FromChild, isChildMessage, type ReadyDetails } from './child_messages.ts';
import { createLogger } from './create_logger.ts';
import type { Listener } from './own_ports.ts';
import type { SensorSettings, ServeSettings } from './settings.ts';
import { startFault } from './start_fault.ts';

/** A child's work, once begun. */
export interface ChildWork {
  readonly details: ReadyDetails;
  /**
   * Ends it in order; the process exits after it. `hurry` fires when nothing more is to be waited for; it has fired already
   * when the supervisor, and so the other child, is gone.
   */
  shutDown(hurry: AbortSignal): Promise<void>;
  /** Reads again what the settings name and what may have changed: certificates. */
  reload?(): void;
  /** What does not work, for people. */
  troubles?(): Promise<readonly string[]>;
}

/** What beginning its work is given. */
export interface ChildWorld<Settings> {
  readonly settings: Settings;
  readonly logger: Logger;
  /** A defect: the process must not go on. */
  readonly crash: (error: unknown) => never;
  /** What the supervisor has said of the sensor's process: why it is not there; undefined where it is. */
  readonly sensorTrouble: () => string | undefined;
  /** Resolves once the supervisor has said where edgetap listens; rejects where this process is to end before. */
  readonly toldListeners: Promise<undefined>;
  /** Where it listens, as it was said last. */
  readonly listeners: () => readonly Listener[];
  /** Fires when the work is to end, also while it is only beginning. */
  readonly ending: AbortSignal;
}

/** After it is told to end, the kernel ends it so much later at the latest. */
const end_s = 12;
/** So long before, the log says that it will. */
const end_told_ms = 11_000;
const told_every_ms = 100;

/**
 * The frame of a child of the supervisor: waits to be told its settings, begins its work, and ends it when it is told to
 * or when the supervisor is gone. The terminal's own signals are the supervisor's business.
 */
export function childProcess<Settings extends SensorSettings | ServeSettings>(
  name: string,
  begin: (world: ChildWorld<Settings>) => Promise<ChildWork>,
): void {
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
  const guard = guardProcessEnd(Number(process.argv[2]));
  const ending = new AbortController();
  const hurry = new AbortController();
  let logger = createLogger(name, 'info');
  let work: Promise<ChildWork> | undefined;
  let sensor_trouble: string | undefined;
  const told_listeners = Promise.withResolvers<undefined>();
  // Control waits for nothing of it.
  told_listeners.promise.catch(() => undefined);
  let listeners: readonly Listener[] = [];
  const crash = (error: unknown): never => {
    // A thread that hangs would keep it from exiting.
    guard.endWithin(end_s);
    logger.fatal({ err: error }, `the ${name} process cannot go on`);
    process.exit(70);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);

  const end = async (): Promise<void> => {
    if (ending.signal.aborted) return;
    clearInterval(looking);
    guard.endWithin(end_s);
    const late = (): void => logger.error(`the ${name} process does not end and is killed`);
    setTimeout(late, end_told_ms).unref();
    ending.abort();
    // One that ends is told no more.
    told_listeners.reject(new Error('it is to end'));
    // What could not begin has nothing to end.
    const begun = await work?.catch(() => undefined);
    await begun?.shutDown(hurry.signal);
    process.exit(0);
  };
  /** `sent` is called when the message has left, or cannot. */
  const say = (message: FromChild, sent: () => void): void => {
    if (process.connected) process.send?.(message, undefined, undefined, sent);
    else sent();
  };
  const start = async (settings: Settings): Promise<void> => {
    logger = createLogger(name, settings.log_level);
    try {
      work = begin({
        settings,
        logger,
        crash,
        sensorTrouble: () => sensor_trouble,
        toldListeners: told_listeners.promise,
        listeners: () => listeners,
        ending: ending.signal,
      });
      say({ edgetap: 'child', kind: 'ready', details: (await work).details }, () => undefined);
      // Now, because a process that is killed writes nothing.
      flushCompileCache();
    } catch (error) {
      // Whatever it is, it is no reason against a start any more.
      if (ending.signal.aborted) return;
      // The supervisor tells it, in one line.
      const told = startFault(error);
      logger.debug({ err: error }, told.message);
      guard.endWithin(end_s);
      say({ edgetap: 'child', kind: 'refused', fault: told }, () => process.exit(78));
    }
  };

  const tellTroubles = async (): Promise<void> => {
    const reasons = (await (await work)?.troubles?.()) ?? [];
    say({ edgetap: 'child', kind: 'troubles', reasons }, () => undefined);
  };

  process.on('message', (message) => {
    if (!isChildMessage(message)) return;
    if (message.kind === 'begin') {
      Object.assign(process.env, message.ambient);
      // The supervisor knows which child needs which.
      void start(message.settings as Settings);
    }
    if (message.kind === 'shut_down') end().catch(crash);
    if (message.kind === 'hurry') hurry.abort();
    if (message.kind === 'sensor_process') sensor_trouble = message.trouble;
    if (message.kind === 'listeners') {
      listeners = message.listeners;
      told_listeners.resolve(undefined);
    }
    if (message.kind === 'ask_troubles') tellTroubles().catch(crash);
    if (message.kind === 'reload')
      void work?.then(
        (begun) => begun.reload?.(),
        () => undefined,
      );
  });
  process.on('disconnect', () => {
    hurry.abort();
    end().catch(crash);
  });
  const looking = setInterval(() => {
    if (!guard.isTold()) return;
    clearInterval(looking);
    // Who is told together with all others has its turn: what the one brings in the other still has to deliver.
    if (process.connected) say({ edgetap: 'child', kind: 'told_to_end' }, () => undefined);
    else end().catch(crash);
  }, told_every_ms).unref();
}
