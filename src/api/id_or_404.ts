import { raise } from '../model/errors/fault.ts';
import { isId } from '../model/id.ts';

/** The id as it came. What is not an id is answered like one that is not there. @throws {FaultError} `not_found` */
export function idOr404(text: string, what: 'capture' | 'bucket'): string {
  return isId(text) ? text : raise('not_found', { what });
}
