import type { Bucket } from '../../bucket/bucket.ts';
import { type Fault, FaultError, fault, kindOf, raise } from '../../model/errors/fault.ts';

const pointer = '/destination_conf';
/** Somebody waits for the answer. */
const deadline_ms = 18_000;

/**
 * Writes the challenge object into a bucket that a user wants to add. Whatever goes wrong there is the request's fault, not
 * ours: what would be 500 elsewhere is told as `bucket_write_failed`, and so is a bucket that does not answer within 18 s.
 *
 * @param deadline fires when that time is over
 */
export async function writeChallenge(
  bucket: Bucket,
  filename: string,
  challenge: string,
  deadline: AbortSignal = AbortSignal.timeout(deadline_ms),
): Promise<void> {
  try {
    await beforeDeadline(bucket, deadline, async () => {
      const bytes = new TextEncoder().encode(challenge);
      await bucket.writeObject(filename, bytes, 'text/plain; charset=utf-8', deadline);
    });
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    if (!error.faults.every((one) => kindOf(one).status >= 500)) throw atDestination(error);
    const reason = error.faults.map((one) => one.message).join('; ');
    raise('bucket_write_failed', { destination: bucket.destination, reason }, { cause: error, pointer });
  }
}

/** Waits for no longer than the deadline: a file system that hangs hears of no signal. */
async function beforeDeadline(bucket: Bucket, deadline: AbortSignal, write: () => Promise<void>): Promise<void> {
  const over = Promise.withResolvers<never>();
  const giveUp = (): void => {
    const reason = `no answer within ${deadline_ms / 1000} s`;
    over.reject(new FaultError([fault('bucket_unreachable', { destination: bucket.destination, reason })]));
  };
  deadline.addEventListener('abort', giveUp, { once: true });
  const writing = write();
  // Nobody waits for it after the deadline.
  writing.catch(() => undefined);
  try {
    await Promise.race([over.promise, writing]);
  } finally {
    deadline.removeEventListener('abort', giveUp);
  }
}

/** The same faults, said of the field `destination_conf`; anything else as it is. */
export function atDestination(error: unknown): unknown {
  if (!(error instanceof FaultError)) return error;
  const [first, ...more] = error.faults;
  const pointed = (one: Fault): Fault => ({ ...one, pointer });
  return new FaultError([pointed(first), ...more.map(pointed)], { cause: error });
}
