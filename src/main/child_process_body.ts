import type { Logger } from 'pino';
import { FaultError } from '../model/errors/fault.ts';
import { type FromChild, isChildMessage, type ReadyDetails } from './child_messages.ts';
import type { ServeSettings } from './settings.ts';
import { createLogger } from './create_logger.ts';

/** A child's work, once begun. */
export interface ChildWork {
  readonly details: ReadyDetails;
  /** Ends it in order; the process exits after it. */
  shutDown(): Promise<void>;
}

/**
 * The frame of a child of the supervisor: waits to be told its settings, begins its work, and ends it when it is told to
 * or when the supervisor is gone. The terminal's own interrupt is the supervisor's business.
 */
export function childProcess(
  name: string,
  begin: (settings: ServeSettings, logger: Logger, crash: (error: unknown) => never) => Promise<ChildWork>,
): void {
  process.on('SIGINT', () => undefined);
  let logger = createLogger(name, 'info');
  let work: Promise<ChildWork> | undefined;
  let ending = false;
  const crash = (error: unknown): never => {
    logger.fatal({ err: error }, `the ${name} process cannot go on`);
    process.exit(70);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);

  const end = async (): Promise<void> => {
    if (ending) return;
    ending = true;
    await (await work)?.shutDown();
    process.exit(0);
  };
  const say = (message: FromChild): void => {
    if (process.connected) process.send?.(message);
  };
  const start = async (settings: ServeSettings): Promise<void> => {
    logger = createLogger(name, settings.log_level);
    try {
      work = begin(settings, logger, crash);
      say({ edgetap: 'child', kind: 'ready', details: (await work).details });
    } catch (error) {
      if (!(error instanceof FaultError)) return crash(error);
      logger.error({ err: error }, error.message);
      say({ edgetap: 'child', kind: 'refused', fault: error.faults[0] });
      // The message must leave before the process does.
      process.once('disconnect', () => process.exit(78));
      setTimeout(() => process.exit(78), 1000);
    }
  };

  process.on('message', (message) => {
    if (!isChildMessage(message)) return;
    if (message.kind === 'begin') void start(message.settings);
    if (message.kind === 'shut_down') end().catch(crash);
  });
  process.on('SIGTERM', () => void end().catch(crash));
  process.on('disconnect', () => void end().catch(crash));
}
