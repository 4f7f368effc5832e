import type { FaultName } from './errors/catalogue.ts';

/** Whose share a limit bounds: of `all` together, or of each account, token, client address or connection. */
export type LimitOf = 'all' | 'account' | 'token' | 'address' | 'connection';

/** One bound of something that all clients share. */
export interface SharedLimit {
  /** What is shared, in the plural, as it stands in an answer: "look-backs under way". */
  readonly what: string;
  readonly of: LimitOf;
  /** `1`: a count. */
  readonly unit: '1' | '%' | 'bytes' | '1/minute' | '1/day' | 'seconds';
  readonly fallback: number;
  /** Least and most that the setting takes. */
  readonly range: readonly [least: number, most: number];
  /** `EDGETAP_` and this is the setting. */
  readonly setting: string;
  /** What the setting is, for its help. */
  readonly help: string;
  /**
   * What is answered where it is reached; where nothing is refused, `waits`: its turn comes later, or `counted`: it is written down with
   * others, as a count.
   */
  readonly answer: FaultName | 'waits' | 'counted';
}

/**
 * Every limit of what clients share, in the order of docs/limits.md, which a test compares with this. What is used of one and how often it
 * refused is in the metrics under its name here.
 */
const table = {
  creates_per_minute: {
    what: 'capture requests in a minute',
    of: 'token',
    unit: '1/minute',
    fallback: 60,
    range: [1, 1_000_000],
    setting: 'CREATES_PER_MINUTE',
    help: 'captures that one token may ask for in a minute',
    answer: 'rate_limited',
  },
  running_full: {
    what: 'full captures pending or running',
    of: 'token',
    unit: '1',
    fallback: 10,
    range: [1, 10_000],
    setting: 'RUNNING_MAX',
    help: 'full captures that one token may have pending or running',
    answer: 'running_limit',
  },
  refusals_per_minute: {
    what: 'requests for captures and estimates in a minute that were refused',
    of: 'token',
    unit: '1/minute',
    fallback: 120,
    range: [1, 1_000_000],
    setting: 'REFUSALS_PER_MINUTE',
    help: 'requests of one token for captures and estimates that may be refused in a minute',
    answer: 'refusals_limited',
  },
  compilers: {
    what: 'filters being compiled, in control and in the sensor each',
    of: 'all',
    unit: '1',
    fallback: 4,
    range: [1, 64],
    setting: 'COMPILERS',
    help: 'filters that are compiled at one time, in control and in the sensor each; never more than there are processors',
    answer: 'waits',
  },
  filters_waiting: {
    what: 'filters that wait to be compiled',
    of: 'account',
    unit: '1',
    fallback: 16,
    range: [1, 10_000],
    setting: 'FILTERS_WAITING',
    help: 'filters of one account that may wait to be compiled',
    answer: 'share_used',
  },
  lookbacks: {
    what: 'look-backs under way; of each account one fewer',
    of: 'all',
    unit: '1',
    fallback: 5,
    range: [1, 64],
    setting: 'LOOKBACKS',
    help: 'look-backs under way at one time, in control, and with estimates in the sensor; of each account one fewer',
    answer: 'waits',
  },
  estimates: {
    what: 'estimates under way; of each account one fewer',
    of: 'all',
    unit: '1',
    fallback: 3,
    range: [1, 64],
    setting: 'ESTIMATES',
    help: 'estimates under way at one time; of each account one fewer',
    answer: 'waits',
  },
  estimates_waiting: {
    what: 'estimates that wait for their turn',
    of: 'account',
    unit: '1',
    fallback: 16,
    range: [1, 10_000],
    setting: 'ESTIMATES_WAITING',
    help: 'estimates of one account that may wait for their turn',
    answer: 'estimates_busy',
  },
  results_bytes: {
    what: 'bytes of look-back results that are kept',
    of: 'account',
    unit: 'bytes',
    fallback: 2_000_000_000,
    range: [1_000_000, Number.MAX_SAFE_INTEGER],
    setting: 'RESULTS_BYTES',
    help: 'look-back results of one account that are kept at one time',
    answer: 'account_quota',
  },
  captures_kept: {
    what: 'captures that are kept',
    of: 'account',
    unit: '1',
    fallback: 100_000,
    range: [1, 100_000_000],
    setting: 'CAPTURES_KEPT',
    help: 'captures of one account that are kept at one time, ended ones among them',
    answer: 'account_quota',
  },
  buckets_pending: {
    what: 'buckets that wait for their proof',
    of: 'account',
    unit: '1',
    fallback: 20,
    range: [1, 10_000],
    setting: 'BUCKETS_PENDING',
    help: 'buckets of one account that wait for their proof',
    answer: 'account_quota',
  },
  bucket_adds_per_minute: {
    what: 'requests to add a bucket in a minute',
    of: 'account',
    unit: '1/minute',
    fallback: 60,
    range: [1, 1_000_000],
    setting: 'BUCKET_ADDS_PER_MINUTE',
    help: 'buckets that one account may ask to add in a minute',
    answer: 'bucket_adds_limited',
  },
  disk_free_bytes: {
    what: 'free bytes on the disk of the data directory, at least',
    of: 'all',
    unit: 'bytes',
    fallback: 256 << 20,
    range: [0, Number.MAX_SAFE_INTEGER],
    setting: 'DISK_FREE_BYTES',
    help: 'with less free on the disk of the data directory, no new capture or bucket is taken',
    answer: 'disk_floor',
  },
  spool_share: {
    what: 'of the disk for undelivered captures that it has or that is free, on each sensor, in percent',
    of: 'account',
    unit: '%',
    fallback: 75,
    range: [1, 100],
    setting: 'SPOOL_SHARE',
    help: "what one account's undelivered captures may take of the spool, in hundredths of what they take and what is free",
    answer: 'spool_share_full',
  },
  audit_rows: {
    what: 'audit rows in a day; what goes beyond is counted, in one row of each action and token for an hour',
    of: 'account',
    unit: '1/day',
    fallback: 10_000,
    range: [1, 1_000_000_000],
    setting: 'AUDIT_ROWS',
    help: 'audit rows that one account may add in a day; what goes beyond is counted in one row of each action and token for an hour',
    answer: 'counted',
  },
  requests: {
    what: 'creates and lists of captures being answered',
    of: 'account',
    unit: '1',
    fallback: 2,
    range: [1, 1000],
    setting: 'REQUESTS',
    help: 'creates and lists of captures of one account that are answered at one time; more of them wait',
    answer: 'waits',
  },
  requests_waiting: {
    what: 'creates and lists of captures that wait for their turn',
    of: 'account',
    unit: '1',
    fallback: 256,
    range: [1, 100_000],
    setting: 'REQUESTS_WAITING',
    help: 'creates and lists of captures of one account that may wait for their turn',
    answer: 'share_used',
  },
  conversions: {
    what: 'conversions under way; of each account, and into buckets that have taken nothing yet, one fewer, into each bucket two fewer',
    of: 'all',
    unit: '1',
    fallback: 5,
    range: [1, 64],
    setting: 'CONVERSIONS',
    help: 'conversions under way at one time; of each account one fewer, into each bucket (by its endpoint, or name) two fewer',
    answer: 'waits',
  },
  conversions_failing: {
    what: 'conversions under way into buckets that failed their last try; of each account one',
    of: 'all',
    unit: '1',
    fallback: 2,
    range: [1, 64],
    setting: 'CONVERSIONS_FAILING',
    help: 'conversions under way at one time into buckets whose last try failed; of each account one',
    answer: 'waits',
  },
  bucket_silence: {
    what: 'silence of a bucket, after which a try ends',
    of: 'all',
    unit: 'seconds',
    fallback: 15,
    range: [1, 600],
    setting: 'BUCKET_SILENCE_S',
    help: 'a try to write into a bucket ends when it has said nothing for so long',
    answer: 'bucket_write_failed',
  },
  buckets_adding: {
    what: 'buckets that are being added',
    of: 'account',
    unit: '1',
    fallback: 8,
    range: [1, 1000],
    setting: 'BUCKETS_ADDING',
    help: 'buckets that one account may be adding at one time',
    answer: 'share_used',
  },
  downloads: {
    what: 'downloads',
    of: 'all',
    unit: '1',
    fallback: 64,
    range: [1, 10_000],
    setting: 'DOWNLOADS_MAX',
    help: 'downloads under way',
    answer: 'all_shares_used',
  },
  downloads_of_account: {
    what: 'downloads',
    of: 'account',
    unit: '1',
    fallback: 48,
    range: [1, 10_000],
    setting: 'DOWNLOADS_PER_ACCOUNT_MAX',
    help: 'downloads under way of one account',
    answer: 'share_used',
  },
  downloads_of_token: {
    what: 'downloads',
    of: 'token',
    unit: '1',
    fallback: 16,
    range: [1, 10_000],
    setting: 'DOWNLOADS_PER_TOKEN_MAX',
    help: 'downloads under way with one token',
    answer: 'share_used',
  },
  download_checks: {
    what: 'files being read whole before they are downloaded, in pieces of 8 MB; of each account one',
    of: 'all',
    unit: '1',
    fallback: 3,
    range: [1, 64],
    setting: 'DOWNLOAD_CHECKS',
    help: 'files that are read whole at one time, to find out before a download whether they are what was written; of each account one',
    answer: 'waits',
  },
  answer_idle: {
    what: 'seconds without a byte of an answer taken',
    of: 'connection',
    unit: 'seconds',
    fallback: 60,
    range: [1, 3600],
    setting: 'ANSWER_IDLE_SECONDS',
    help: 'how long a client may take nothing of its answer before its connection is cut',
    answer: 'answer_not_taken',
  },
  connections: {
    what: 'connections',
    of: 'all',
    unit: '1',
    fallback: 1024,
    range: [16, 100_000],
    setting: 'CONNECTIONS_MAX',
    help: 'connections of clients; fewer where the system allows fewer open files',
    answer: 'all_shares_used',
  },
  connections_of_address: {
    what: 'connections',
    of: 'address',
    unit: '1',
    fallback: 256,
    range: [1, 100_000],
    setting: 'CONNECTIONS_PER_ADDRESS_MAX',
    help: 'connections of one client address (of an IPv6 network of 64 bits); of those in EDGETAP_TRUST_PROXY any number',
    answer: 'share_used',
  },
  pipelined: {
    what: 'requests sent ahead on a connection',
    of: 'connection',
    unit: '1',
    fallback: 64,
    range: [1, 10_000],
    setting: 'PIPELINED_MAX',
    help: 'requests that a client may send on a connection ahead of the answer to the one before',
    answer: 'share_used',
  },
  full_parts: {
    what: 'interfaces of full captures being captured, once for each capture',
    of: 'account',
    unit: '1',
    fallback: 1024,
    range: [1, 1_000_000],
    setting: 'FULL_PARTS',
    help: 'interfaces that the full captures of one account may take at one time, each counted once for each capture',
    answer: 'account_parts_taken',
  },
  rings_percent: {
    what: "percent of the memory for rings of each sensor's captures",
    of: 'account',
    unit: '%',
    fallback: 75,
    range: [1, 100],
    setting: 'RINGS_PERCENT',
    help: "what one account may take of each sensor's memory for rings of captures, in hundredths: of the rings, while there are others, and of what makes rings larger",
    answer: 'account_rings_taken',
  },
  file_calls: {
    what: 'calls on the file systems of `file://` buckets under way',
    of: 'all',
    unit: '1',
    fallback: 16,
    range: [2, 128],
    setting: 'FILE_CALLS',
    help: 'calls on the file systems of file:// buckets under way at one time, each in a thread of its own',
    answer: 'waits',
  },
  file_calls_of_account: {
    what: 'calls on the file systems of `file://` buckets under way',
    of: 'account',
    unit: '1',
    fallback: 6,
    range: [1, 128],
    setting: 'FILE_CALLS_OF_ACCOUNT',
    help: 'calls on the file systems of file:// buckets of one account under way at one time',
    answer: 'waits',
  },
} as const satisfies Readonly<Record<string, SharedLimit>>;

/** The name of a limit. */
export type LimitName = keyof typeof table;

/** Every limit by its name. */
export const sharedLimits: Readonly<Record<LimitName, SharedLimit>> = table;

/** How much each limit allows. */
export type LimitValues = Readonly<Record<LimitName, number>>;

/** All limits, by name. */
export const limitNames: readonly LimitName[] = Object.keys(sharedLimits) as LimitName[];

/** What the limits are where nobody sets them. */
export const limitFallbacks: LimitValues = Object.fromEntries(
  limitNames.map((name) => [name, sharedLimits[name].fallback]),
) as LimitValues;
