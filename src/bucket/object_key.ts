import { raise } from '../model/errors/fault.ts';

/**
 * The parts of an object's key: one or more names separated by slashes, each of ASCII letters, digits, dots, hyphens and
 * underscores, not beginning with a dot. The dot is for a file bucket's own unfinished files.
 * @throws {FaultError} `object_key_invalid`
 */
export function keySegments(key: string): string[] {
  if (!/^(?!\.)[\w.-]{1,100}(?:\/(?!\.)[\w.-]{1,100}){0,5}$/.test(key)) raise('object_key_invalid', { key });
  return key.split('/');
}
