import { type Fault, FaultError, fault } from '../model/errors/fault.ts';
import { limits } from '../model/limits.ts';
import type { SampleStore } from '../samples/sample_store.ts';

/** What keeping interfaces sampled takes. */
export interface KeepSamplingDeps {
  readonly samples: Pick<SampleStore, 'startSampling' | 'stopSampling' | 'status'>;
  /** 1 in this many packets is kept; absent, it adapts. */
  readonly rate: number | undefined;
  /** The interfaces that are to be sampled and are there, by name. */
  present(): readonly string[];
  /** Is it to be sampled as soon as it is there again, however long it is away? */
  isAwaited(name: string): boolean;
  /** Interfaces that are to be sampled whatever is there: those that the settings name. */
  awaited(): readonly string[];
  warn(fault: Fault, context: string): void;
}

/** Keeps sampled what is to be sampled, while interfaces come and go. */
export interface SamplingKeeper {
  /** Looks at what is there; to be called again and again, a second apart. */
  look(): Promise<void>;
  /** What the user should know, in the order in which it came up. */
  readonly warnings: ReadonlySet<string>;
  /** What is to be sampled and is not, and why: as of the last look. */
  readonly unsampled: ReadonlyMap<string, Fault>;
}

/** Away for so many looks, an interface that nobody awaits is given up: those of containers come and go for ever. */
const looks_away_max = 60;

/** Makes the keeper of a sensor's sampling. */
export function keepSampling(deps: KeepSamplingDeps): SamplingKeeper {
  const { samples, rate } = deps;
  const warnings = new Set<string>();
  const away = new Map<string, number>();
  const unsampled = new Map<string, Fault>();

  const tell = (one: Fault, context: string): void => {
    if (!warnings.has(one.message)) deps.warn(one, context);
    warnings.add(one.message);
  };

  const start = async (name: string, among: readonly string[]): Promise<void> => {
    try {
      await samples.startSampling({ interface: name, among, ...(rate === undefined ? {} : { rate }) });
      unsampled.delete(name);
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      tell(error.faults[0], `sampling ${name}`);
      unsampled.set(name, error.faults[0]);
    }
  };

  /** Counts the looks at which it was not there; true when it is to be given up. */
  const isGone = (name: string, present: ReadonlySet<string>): boolean => {
    const looks = present.has(name) || deps.isAwaited(name) ? 0 : (away.get(name) ?? 0) + 1;
    if (looks === 0 || looks > looks_away_max) away.delete(name);
    else away.set(name, looks);
    return looks > looks_away_max;
  };

  /** What is there; undefined where it cannot be read: it is looked for again in some seconds. */
  const readPresent = (): ReadonlySet<string> | undefined => {
    try {
      return new Set(deps.present());
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      tell(error.faults[0], 'looking for interfaces');
      return undefined;
    }
  };

  const noteAway = (present: ReadonlySet<string>): void => {
    for (const [name, why] of unsampled) {
      if (!present.has(name) || why.name === 'interface_unknown') unsampled.delete(name);
    }
    for (const name of deps.awaited()) {
      if (!present.has(name)) unsampled.set(name, fault('interface_unknown', { interface: name }));
    }
  };

  // Known from the start: control hears of it with the first word of the sensor.
  const first = readPresent();
  if (first !== undefined) noteAway(first);

  return {
    warnings,
    unsampled,
    look: async () => {
      const present = readPresent();
      if (present === undefined) return;
      const known = samples.status().interfaces.flatMap((one) => (one.sampling === undefined ? [] : [one.interface]));
      const gone = known.filter((name) => isGone(name, present));
      await Promise.all(gone.map(async (name) => await samples.stopSampling(name)));
      const room = limits.interfaces_max - (known.length - gone.length);
      const fresh = [...present].filter((name) => !known.includes(name));
      if (fresh.length > room) tell(fault('interfaces_too_many', { limit: limits.interfaces_max }), 'sampling');
      noteAway(present);
      // All at once: from then on an answer says what is missing of each.
      await Promise.all(fresh.slice(0, Math.max(0, room)).map((name) => start(name, [...present])));
    },
  };
}
