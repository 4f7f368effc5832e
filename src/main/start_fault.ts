import { type Fault, FaultError, fault } from '../model/errors/fault.ts';

/** Why something could not start, in one line, whatever was thrown. */
export function startFault(error: unknown): Fault {
  if (error instanceof FaultError) return error.faults[0];
  const text = error instanceof Error ? error.message : String(error);
  return fault('start_failed', { reason: text.replace(/\s+/g, ' ').trim() });
}
