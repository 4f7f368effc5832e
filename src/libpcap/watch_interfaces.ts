import { FaultError } from '../model/errors/fault.ts';
import { type InterfaceChange, interfaceChanges } from './interface_changes.ts';
import { type HostInterface, listInterfaces } from './interfaces.ts';

/** A running watch. */
export interface InterfaceWatch {
  /** The interfaces at the last look. */
  readonly interfaces: readonly HostInterface[];
  /** Looks now; `onChange` hears of what is new. */
  look(): void;
  stop(): void;
}

/** How to watch. */
export interface WatchOptions {
  readonly onChange: (change: InterfaceChange) => void;
  /** 1,000 by default. */
  readonly every_ms?: number;
  readonly list?: () => readonly HostInterface[];
}

/**
 * Looks at the interfaces again and again and tells what changed. Not everything can be seen so: what goes down and comes
 * up again between two looks is missed. Does not keep the process alive.
 */
export function watchInterfaces({ onChange, every_ms = 1000, list = listInterfaces }: WatchOptions): InterfaceWatch {
  let interfaces = list();
  const look = (): void => {
    const before = interfaces;
    try {
      interfaces = list();
    } catch (error) {
      // Where they cannot be read, as without a file to open, nothing is known to have changed: the next look may tell.
      if (error instanceof FaultError) return;
      throw error;
    }
    for (const change of interfaceChanges(before, interfaces)) onChange(change);
  };
  const timer = setInterval(look, every_ms).unref();
  return {
    get interfaces() {
      return interfaces;
    },
    look,
    stop: () => clearInterval(timer),
  };
}
