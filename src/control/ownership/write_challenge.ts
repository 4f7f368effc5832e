import type { Bucket } from '../../bucket/bucket.ts';
import { type Fault, FaultError, kindOf, raise } from '../../model/errors/fault.ts';

const pointer = '/destination_conf';

/**
 * Writes the challenge object into a bucket that a user wants to add. Whatever goes wrong there is the request's fault, not
 * ours: what would be 500 elsewhere is told as `bucket_write_failed`.
 */
export async function writeChallenge(bucket: Bucket, filename: string, challenge: string): Promise<void> {
  try {
    await bucket.writeObject(filename, new TextEncoder().encode(challenge), 'text/plain; charset=utf-8');
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    if (!error.faults.every((one) => kindOf(one).status >= 500)) throw atDestination(error);
    const reason = error.faults.map((one) => one.message).join('; ');
    raise('bucket_write_failed', { destination: bucket.destination, reason }, { cause: error, pointer });
  }
}

/** The same faults, said of the field `destination_conf`; anything else as it is. */
export function atDestination(error: unknown): unknown {
  if (!(error instanceof FaultError)) return error;
  const [first, ...more] = error.faults;
  const pointed = (one: Fault): Fault => ({ ...one, pointer });
  return new FaultError([pointed(first), ...more.map(pointed)], { cause: error });
}
