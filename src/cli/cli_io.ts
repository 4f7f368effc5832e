import type { Readable, Writable } from 'node:stream';
import type { ClientWorld } from '../client/transport.ts';

/** A stream that people or programs read. */
export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** What the command line needs of the world. */
export interface CliIo extends ClientWorld {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's home directory. */
  readonly home: string;
  /** Results. */
  readonly stdout: Output;
  /** Everything else: progress, notes, errors. */
  readonly stderr: Output;
  readonly stdin: Readable;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonic: () => number;
  /** Calls `handler` at every Ctrl-C from now on, until the returned function is called. */
  readonly onInterrupt: (handler: () => void) => () => void;
}
