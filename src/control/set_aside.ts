import type { Fault } from '../model/errors/fault.ts';

/** What is kept for a person to look at: it fails alone, and is named in `/readyz` as long as it is there. */
export interface SetAside {
  /** What a sensor has: all of it, every time. */
  tell(sensor: string, faults: readonly Pick<Fault, 'code' | 'message'>[]): void;
  /** What control itself has met, by its name: a row, a message, a file. Gives whether that is news. */
  note(name: string, fault: Pick<Fault, 'code' | 'message'>): boolean;
  /** That is over. */
  forget(name: string): void;
  /** Was that noted? */
  has(name: string): boolean;
  /** All of it, for people: one text each, with its code. */
  reasons(): readonly string[];
}

const noted_max = 1024;

/** Makes the list, empty. */
export function createSetAside(): SetAside {
  const bySensor = new Map<string, readonly string[]>();
  const noted = new Map<string, string>();
  const textOf = ({ code, message }: Pick<Fault, 'code' | 'message'>): string => `${message} (${code})`;
  return {
    tell: (sensor, faults) => {
      bySensor.set(
        sensor,
        faults.map((one) => `${sensor}: ${textOf(one)}`),
      );
    },
    note: (name, fault) => {
      const text = textOf(fault);
      if (noted.get(name) === text) return false;
      noted.delete(name);
      noted.set(name, text);
      // The newest count: the log has all.
      const [oldest] = noted.keys();
      if (noted.size > noted_max && oldest !== undefined) noted.delete(oldest);
      return true;
    },
    forget: (name) => void noted.delete(name),
    has: (name) => noted.has(name),
    reasons: () => [...noted.values(), ...[...bySensor.values()].flat()],
  };
}
