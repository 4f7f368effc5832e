import { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import type { Output } from '../cli/cli_io.ts';
import { standardOutput } from './standard_output.ts';

/** Standard error for what a command has to say to people: written at once, and dropped where it cannot be. */
export function errorStream(): Output {
  const { err } = standardOutput();
  const stream = new Writable({
    decodeStrings: false,
    write: (text, _encoding, done) => {
      err.write(String(text));
      // Before what goes to standard output after it.
      err.flush();
      done();
    },
  });
  return Object.defineProperties(stream, {
    isTTY: { value: isatty(2) },
    // A terminal's size changes.
    columns: { get: () => process.stderr.columns },
  });
}
