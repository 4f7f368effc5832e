import { type Fault, fault } from './errors/fault.ts';
import { type LimitName, limitNames, type LimitValues, sharedLimits } from './shared_limits.ts';

/** What is used of a limit, by the account, token or address that uses most of it, and how often it has refused. */
export interface LimitUse {
  readonly name: LimitName;
  readonly limit: number;
  readonly used: number;
  readonly refused: number;
}

/** Counts what the limits refuse and what is used of them, for the metrics. */
export class LimitCounts {
  /** How much each allows. */
  readonly values: LimitValues;
  readonly #refused = new Map<LimitName, number>();
  readonly #used = new Map<LimitName, () => number>();

  constructor(values: LimitValues) {
    this.values = values;
  }

  /** What is used of a limit from now on; of one of each account, by the account that uses most. */
  measure(name: LimitName, used: () => number): void {
    this.#used.set(name, used);
  }

  /** Counts a refusal, and gives its fault: it names the limit and its setting. `params` is what its text says beside. */
  refuse(name: LimitName, params: Readonly<Record<string, string | number>> = {}): Fault {
    this.count(name);
    const { what, of, answer, setting } = sharedLimits[name];
    if (answer === 'waits' || answer === 'counted') throw new TypeError(`${name} refuses nothing`);
    return fault(answer, { what, of, limit: this.values[name], setting: `EDGETAP_${setting}`, ...params });
  }

  /** Counts a refusal for which the caller makes the fault itself. */
  count(name: LimitName): void {
    this.#refused.set(name, (this.#refused.get(name) ?? 0) + 1);
  }

  /** All limits as they are used now. */
  read(): readonly LimitUse[] {
    return limitNames.map((name) => ({
      name,
      limit: this.values[name],
      used: this.#used.get(name)?.() ?? 0,
      refused: this.#refused.get(name) ?? 0,
    }));
  }
}
