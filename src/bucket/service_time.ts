import type { S3Client } from '@aws-sdk/client-s3';
import type { TimeNs } from '../model/time.ts';

/** What finding out a service's time takes. */
export interface ServiceTimeDeps {
  /** The wall clock. */
  readonly wall: () => TimeNs;
  /** A clock that nobody sets. */
  readonly now: () => TimeNs;
  /** Keeps, from the `Date` of every answer, how far the service's clock is ahead of this host's: to a second or so. */
  readonly client: Pick<S3Client, 'config'>;
  /** Has the service answer something, whatever. May throw. */
  readonly look: () => Promise<void>;
}

/** The time of a service. */
export interface ServiceTime {
  /** The service has answered just now. */
  answered(): void;
  now(): Promise<TimeNs>;
}

/** The wall clock was set by more than this since the service last answered: then it is asked for its time. A signature is good for minutes. */
const set_least_ns = 60_000_000_000n;

/**
 * The time by the clock of a service, as far as it is known: signatures that are used without this client are dated by it. A host
 * whose clock is wrong, or was set just now, would make only such as the service refuses.
 */
export function createServiceTime({ wall, now, client, look }: ServiceTimeDeps): ServiceTime {
  let answered_ns: bigint | undefined;
  const ahead_ns = (): bigint => wall() - now();
  const answered = (): void => {
    answered_ns = ahead_ns();
  };
  return {
    answered,
    now: async () => {
      if (answered_ns === undefined || distance(ahead_ns(), answered_ns) > set_least_ns) {
        // Also a refusal tells the time; where nothing answers, nothing can be sent either.
        await look().catch(() => undefined);
        answered();
      }
      return wall() + BigInt(client.config.systemClockOffset) * 1_000_000n;
    },
  };
}

function distance(one: bigint, other: bigint): bigint {
  return one > other ? one - other : other - one;
}
