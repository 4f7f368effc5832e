import type { BucketSecrets, Destination } from '../model/destination.ts';
import { raise } from '../model/errors/fault.ts';
import type { TimeNs } from '../model/time.ts';
import type { GuardedAgents } from '../net/guarded_agent.ts';
import type { Bucket } from './bucket.ts';
import type { FileCalls } from './file_calls.ts';
import { openFileBucket } from './file.ts';
import { openS3Bucket } from './s3.ts';
import type { Waiting } from './waiting.ts';
import type { Patience } from './with_retries.ts';

/** What opening any bucket of this process takes. */
export interface BucketWorld {
  readonly agents: GuardedAgents;
  /** May `s3://` without keys use this process's own credentials? */
  readonly ambient: boolean;
  /** Directories that `file://` may lead into. */
  readonly allowed_roots: readonly string[];
  /** Gives the file calls for a `file://` directory; by default those for edgetap's own directories. */
  readonly callsOf?: (directory: string) => FileCalls;
  /** The one directory in them that whoever opens the bucket may use; all of them by default. */
  readonly only_below?: string;
  /** Where this edgetap's intake of pieces is reached, as in `http://127.0.0.1:8787`. */
  readonly intake_url: string;
  readonly signing_keys: readonly Uint8Array[];
  /** Edgetap's own clock, for its own signatures. */
  readonly now: () => TimeNs;
  /** The wall clock: a service goes by its own, which should show the same. */
  readonly wall: () => TimeNs;
  readonly waiting: Waiting;
  /** A try ends when a bucket has said nothing for so long. */
  readonly silence_ms: number;
  readonly random_bytes: (count: number) => Uint8Array;
  readonly patience?: Patience;
}

/**
 * Opens the bucket of a destination; makes no request yet.
 * @throws {FaultError} `bucket_keys_missing`, `bucket_ambient_refused`, `bucket_ambient_endpoint`, `bucket_directory_refused`,
 *   `bucket_directory_deep`
 */
export function openBucket(destination: Destination, secrets: BucketSecrets | undefined, world: BucketWorld): Bucket {
  if (destination.scheme === 'file') {
    const calls = world.callsOf?.(destination.directory);
    return openFileBucket({ ...world, ...(calls === undefined ? {} : { calls }), destination });
  }
  if (secrets === undefined && destination.scheme !== 's3') {
    raise('bucket_keys_missing', { scheme: `${destination.scheme}://` });
  }
  if (secrets === undefined && !world.ambient) raise('bucket_ambient_refused');
  if (secrets === undefined && destination.endpoint !== undefined) raise('bucket_ambient_endpoint');
  return openS3Bucket({ ...world, destination, ...(secrets === undefined ? {} : { secrets }) });
}
