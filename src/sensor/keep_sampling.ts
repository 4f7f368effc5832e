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
  warn(fault: Fault, context: string): void;
}

/** Keeps sampled what is to be sampled, while interfaces come and go. */
export interface SamplingKeeper {
  /** Looks at what is there; to be called again and again, a second apart. */
  look(): Promise<void>;
  /** What the user should know, in the order in which it came up. */
  readonly warnings: ReadonlySet<string>;
}

/** Away for so many looks, an interface that nobody awaits is given up: those of containers come and go for ever. */
const looks_away_max = 60;

/** Makes the keeper of a sensor's sampling. */
export function keepSampling(deps: KeepSamplingDeps): SamplingKeeper {
  const { samples, rate } = deps;
  const warnings = new Set<string>();
  const away = new Map<string, number>();

  const tell = (one: Fault, context: string): void => {
    if (!warnings.has(one.message)) deps.warn(one, context);
    warnings.add(one.message);
  };

  const start = async (name: string): Promise<void> => {
    try {
      await samples.startSampling({ interface: name, ...(rate === undefined ? {} : { rate }) });
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      tell(error.faults[0], `sampling ${name}`);
    }
  };

  /** Counts the looks at which it was not there; true when it is to be given up. */
  const isGone = (name: string, present: ReadonlySet<string>): boolean => {
    const looks = present.has(name) || deps.isAwaited(name) ? 0 : (away.get(name) ?? 0) + 1;
    if (looks === 0 || looks > looks_away_max) away.delete(name);
    else away.set(name, looks);
    return looks > looks_away_max;
  };

  return {
    warnings,
    look: async () => {
      const present = new Set(deps.present());
      const known = samples.status().interfaces.flatMap((one) => (one.sampling === undefined ? [] : [one.interface]));
      const gone = known.filter((name) => isGone(name, present));
      await Promise.all(gone.map(async (name) => await samples.stopSampling(name)));
      const room = limits.interfaces_max - (known.length - gone.length);
      const fresh = [...present].filter((name) => !known.includes(name));
      if (fresh.length > room) tell(fault('interfaces_too_many', { limit: limits.interfaces_max }), 'sampling');
      // All at once: from then on an answer says what is missing of each.
      await Promise.all(fresh.slice(0, Math.max(0, room)).map(start));
    },
  };
}
