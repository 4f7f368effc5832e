import { FaultError } from '../model/errors/fault.ts';
import type { Result } from '../model/result.ts';

/** The value of a good result. @throws {FaultError} every fault of another */
export function unwrap<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  const [first, ...more] = result.faults;
  if (first === undefined) throw new TypeError('a refusal has at least one fault');
  throw new FaultError([first, ...more]);
}
