import { constants, fstatSync, openSync, write, writeSync } from 'node:fs';

/** Text on its way out of this process: best effort, so nobody ever waits for it or fails by it. */
export interface Output {
  /** Takes text; it is written as soon as that can be done without waiting, or dropped. Never throws. */
  write(text: string): void;
  /** Writes what is gathered, as far as that goes at once. */
  flush(): void;
  /** Texts that could not be written so far. */
  readonly dropped: number;
  /** A write has not returned yet: a file whose disk hangs, perhaps. */
  readonly busy: boolean;
}

/** How much is gathered while nobody reads: what comes on top of it is dropped. */
const gathered_most = 1 << 20;
const retry_ms = 100;

/** What is read by nobody at the moment can be written later; a call that was interrupted, at once. */
const passing: readonly string[] = ['EAGAIN', 'EINTR'];

/**
 * Opens a standard stream for best effort writing. A pipe, a socket and a terminal are written without waiting for their reader, a file
 * by another thread, because its disk may be slow.
 *
 * @param descriptor 1 or 2
 * @param lossText what is written, once that goes again, in the place of so many texts
 */
export function openOutput(descriptor: 1 | 2, lossText: (count: number, reason: string) => string): Output {
  const way = wayOf(descriptor);
  let gathered: string[] = [];
  let gathered_length = 0;
  /** Being written: `texts` of them. */
  let pending: { bytes: Uint8Array; texts: number } | undefined;
  let dropped = 0;
  let told = 0;
  let reason = '';
  let scheduled = false;
  let busy = false;

  const drop = (texts: number, why: string): void => {
    dropped += texts;
    reason = why;
  };
  const next = (): typeof pending => {
    if (pending !== undefined || gathered.length === 0) return pending;
    pending = { bytes: Buffer.from(gathered.join('')), texts: gathered.length };
    [gathered, gathered_length] = [[], 0];
    return pending;
  };
  const wrote = (count: number): void => {
    if (pending === undefined) return;
    const bytes = pending.bytes.subarray(count);
    pending = bytes.length === 0 ? undefined : { ...pending, bytes };
    if (pending !== undefined || told === dropped) return;
    gathered.unshift(lossText(dropped - told, reason));
    told = dropped;
  };
  const failed = (error: unknown): 'later' | 'dropped' => {
    const code = codeOf(error);
    if (passing.includes(code)) return 'later';
    drop(pending?.texts ?? 0, code);
    pending = undefined;
    return 'dropped';
  };
  const drain = (): void => {
    for (let chunk = next(); chunk !== undefined; chunk = next()) {
      try {
        wrote(writeSync(way.descriptor, chunk.bytes));
      } catch (error) {
        if (failed(error) === 'later') return;
      }
    }
  };
  const drainBehind = (): void => {
    const chunk = busy ? undefined : next();
    if (chunk === undefined) return;
    busy = true;
    write(way.descriptor, chunk.bytes, (error, count) => {
      busy = false;
      if (error === null) wrote(count);
      else failed(error);
      if (pending === undefined) drainBehind();
      else setTimeout(drainBehind, retry_ms).unref();
    });
  };
  const run = (): void => {
    scheduled = false;
    if (!way.waits) drain();
    else if (!busy) drainBehind();
    // The reader may come back.
    if (!way.waits && pending !== undefined) schedule(() => setTimeout(run, retry_ms).unref());
  };
  const schedule = (by: () => void): void => {
    if (scheduled) return;
    scheduled = true;
    by();
  };

  return {
    write: (text) => {
      if (gathered_length + text.length > gathered_most) return drop(1, 'it was not taken in time');
      gathered.push(text);
      gathered_length += text.length;
      schedule(() => setImmediate(run));
    },
    flush: () => {
      // What another thread is writing is on its way already.
      if (busy) pending = undefined;
      drain();
    },
    get dropped() {
      return dropped;
    },
    get busy() {
      return busy;
    },
  };
}

interface Way {
  readonly descriptor: number;
  /** Can a write have to wait? */
  readonly waits: boolean;
}

/** Where the stream is one that somebody reads: opened once more, so that others who have it open still wait as they are used to. */
function wayOf(descriptor: 1 | 2): Way {
  const found = kindOf(descriptor);
  if (found === 'file') return { descriptor, waits: true };
  try {
    if (found === 'socket') throw new Error('a socket cannot be opened once more');
    const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
    return { descriptor: openSync(`/proc/self/fd/${descriptor}`, flags), waits: false };
  } catch {
    // Node makes pipes and sockets that it opens so that they do not wait, and keeps them open.
    void (descriptor === 1 ? process.stdout : process.stderr);
    return { descriptor, waits: found === 'device' };
  }
}

function kindOf(descriptor: number): 'file' | 'socket' | 'pipe' | 'device' {
  try {
    const stat = fstatSync(descriptor);
    if (stat.isSocket()) return 'socket';
    if (stat.isFIFO()) return 'pipe';
    return stat.isCharacterDevice() ? 'device' : 'file';
  } catch {
    return 'file';
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
