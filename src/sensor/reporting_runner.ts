import type { Fault } from '../model/errors/fault.ts';
import type { Assignment } from '../wire/bus_fields.ts';
import type { Outbox } from './outbox.ts';
import { newsOf } from './part_news.ts';
import type { PartRunner } from './part_runner.ts';

/** In the place of a part that this sensor cannot take or go on with: tells control why, and touches no file. */
export function reportingRunner(
  outbox: Outbox,
  assignment: Assignment,
  interfaceName: string,
  reason: Fault,
): PartRunner {
  const state = {
    layout: 1,
    assignment,
    interface: interfaceName,
    phase: 'failed',
    fault: reason,
    attempt: 0,
  } as const;
  const forget = async (): Promise<void> => outbox.forget(assignment.capture_id, interfaceName);
  return {
    update: () => undefined,
    stop: async () => undefined,
    forget,
    leave: forget,
    progress: () => undefined,
    kept: () => undefined,
    settled: outbox.tell(newsOf(state, undefined)),
  };
}
