import { readFileSync } from 'node:fs';
import { raise } from '../model/errors/fault.ts';

const names = ['EDGETAP_BOOTSTRAP_TOKEN', 'EDGETAP_TOKEN'] as const;

/**
 * The settings with the tokens that stand in files: `EDGETAP_TOKEN_FILE` names a file whose first line is `EDGETAP_TOKEN`, and so for
 * `EDGETAP_BOOTSTRAP_TOKEN`. What stands in a file is in nobody's environment.
 *
 * @throws FaultError `setting_invalid`
 */
export function readTokenFiles(
  given: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string | undefined>> {
  const read = { ...given };
  for (const name of names) {
    const setting = `${name}_FILE`;
    const path = given[setting] ?? '';
    if (path === '') continue;
    const wrong = (expected: string): never => raise('setting_invalid', { setting, value: path, expected });
    if ((given[name] ?? '') !== '') wrong(`left out where ${name} is given`);
    read[name] = firstLine(path, wrong);
  }
  return read;
}

function firstLine(path: string, wrong: (expected: string) => never): string {
  let text = '';
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    wrong(`a file that can be read (${cause instanceof Error ? cause.message : String(cause)})`);
  }
  const [line = ''] = text.split(/\r?\n/, 1);
  return line === '' ? wrong('a file with the token in its first line') : line;
}
