import { openOutput, type Output } from './open_output.ts';

/** What this process writes to its standard streams, each opened once. */
export interface StandardOutput {
  readonly out: Output;
  readonly err: Output;
}

let opened: StandardOutput | undefined;

/**
 * The standard streams of this process as best effort output. What is left in them when the process exits is written as far as that goes
 * at once. Whatever else writes to them (Node itself, a package) fails nobody either.
 */
export function standardOutput(): StandardOutput {
  if (opened !== undefined) return opened;
  const made: StandardOutput = {
    out: openOutput(1, (count, reason) => `${count} lines could not be written here (${reason}) and are lost.\n`),
    err: openOutput(2, (count, reason) => {
      const msg = `${count} lines of this log could not be written (${reason}) and are lost`;
      return `${JSON.stringify({ level: 40, time: Date.now(), pid: process.pid, msg })}\n`;
    }),
  };
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  process.on('exit', () => {
    made.out.flush();
    made.err.flush();
  });
  opened = made;
  return made;
}
