import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** The host in the URLs of pieces for control's own intake; nobody looks it up. */
export const intake_url = 'http://intake';

/** A way to the Unix socket of control's intake. */
export interface IntakeSocket {
  /** Good in this process until it is closed. Short: a socket's path may have 107 bytes, and a data directory's may be longer. */
  readonly path: string;
  close(): void;
}

/**
 * Opens the way to the socket through which the sensor of a data directory hands in pieces: a file in control's directory, which only its
 * owner can enter. `control/` must be there.
 *
 * @throws the error of the system that says why not
 */
export function intakeSocket(data_dir: string): IntakeSocket {
  const descriptor = openSync(join(data_dir, 'control'), constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${descriptor}/intake.sock`, close: () => closeSync(descriptor) };
}

/** Removes what an earlier control has left there: nobody can listen where something is. */
export function clearIntakeSocket({ path }: IntakeSocket): void {
  rmSync(path, { force: true });
}
