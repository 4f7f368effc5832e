import { flushCompileCache } from 'node:module';
import type { Logger } from 'pino';
import { FaultError } from '../model/errors/fault.ts';
import { type FromChild, isChildMessage, type ReadyDetails } from './child_messages.ts';
import { createLogger } from './create_logger.ts';
import type { ServeSettings } from './settings.ts';

/** A child's work, once begun. */
export interface ChildWork {
  readonly details: ReadyDetails;
  /**
   * Ends it in order; the process exits after it. `hurry` fires when nothing more is to be waited for; it has fired already
   * when the supervisor, and so the other child, is gone.
   */
  shutDown(hurry: AbortSignal): Promise<void>;
}

/** What beginning its work is given. */
export interface ChildWorld {
  readonly settings: ServeSettings;
  readonly logger: Logger;
  /** A defect: the process must not go on. */
  readonly crash: (error: unknown) => never;
  /** Fires when the work is to end, also while it is only beginning. */
  readonly ending: AbortSignal;
}

/**
 * The frame of a child of the supervisor: waits to be told its settings, begins its work, and ends it when it is told to
 * or when the supervisor is gone. The terminal's own interrupt is the supervisor's business.
 */
export function childProcess(name: string, begin: (world: ChildWorld) => Promise<ChildWork>): void {
  process.on('SIGINT', () => undefined);
  const ending = new AbortController();
  const hurry = new AbortController();
  let logger = createLogger(name, 'info');
  let work: Promise<ChildWork> | undefined;
  const crash = (error: unknown): never => {
    logger.fatal({ err: error }, `the ${name} process cannot go on`);
    process.exit(70);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);

  const end = async (): Promise<void> => {
    if (ending.signal.aborted) return;
    ending.abort();
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
  const start = async (settings: ServeSettings): Promise<void> => {
    logger = createLogger(name, settings.log_level);
    try {
      work = begin({ settings, logger, crash, ending: ending.signal });
      say({ edgetap: 'child', kind: 'ready', details: (await work).details }, () => undefined);
      // Now, because a process that is killed writes nothing.
      flushCompileCache();
    } catch (error) {
      if (!(error instanceof FaultError)) return crash(error);
      // The supervisor tells it, in one line.
      logger.debug({ err: error }, error.message);
      say({ edgetap: 'child', kind: 'refused', fault: error.faults[0] }, () => process.exit(78));
    }
  };

  process.on('message', (message) => {
    if (!isChildMessage(message)) return;
    if (message.kind === 'begin') void start(message.settings);
    if (message.kind === 'shut_down') end().catch(crash);
    if (message.kind === 'hurry') hurry.abort();
  });
  process.on('SIGTERM', () => void end().catch(crash));
  process.on('disconnect', () => {
    hurry.abort();
    end().catch(crash);
  });
}
