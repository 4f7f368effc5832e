import type { FaultName } from './errors/catalogue.ts';

/** Whose share a limit bounds: of `all` together, or of each account, token or client address. */
export type LimitOf = 'all' | 'account' | 'token' | 'address';

/** One bound of something that all clients share. */
export interface SharedLimit {
  /** What is shared, in the plural, as it stands in an answer: "look-backs under way". */
  readonly what: string;
  readonly of: LimitOf;
  /** `1`: a count. */
  readonly unit: '1' | 'bytes' | '1/minute' | 'seconds';
  readonly fallback: number;
  /** Least and most that the setting takes. */
  readonly range: readonly [least: number, most: number];
  /** `EDGETAP_` and this is the setting. */
  readonly setting: string;
  /** What the setting is, for its help. */
  readonly help: string;
  /** What is answered where it is reached; `waits` where nothing is refused, and its turn comes later. */
  readonly answer: FaultName | 'waits';
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
