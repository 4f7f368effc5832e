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
  /** What is answered where it is reached. */
  readonly answer: FaultName;
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
