import { type Fault, FaultError } from '../model/errors/fault.ts';

/** Runs a piece of the sensor's dealings with control. What the bus or control refuses is returned: it is tried again. */
export async function attempt(run: () => Promise<void>): Promise<Fault | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    if (error instanceof FaultError) return error.faults[0];
    throw error;
  }
}
