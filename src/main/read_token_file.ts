import { readFileSync } from 'node:fs';
import { raise } from '../model/errors/fault.ts';

const expected = 'a file that can be read, with 16 to 1024 visible ASCII characters in one line';

/** Reads a token from a file; white space at its end does not count. @throws {FaultError} `setting_invalid` */
export function readTokenFile(setting: string, path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trimEnd();
  } catch (cause) {
    return raise('setting_invalid', { setting, value: path, expected }, { cause });
  }
  return /^[!-~]{16,1024}$/.test(text) ? text : raise('setting_invalid', { setting, value: path, expected });
}
