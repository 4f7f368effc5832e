import type { Fault } from '../model/errors/fault.ts';
import type { Listener } from './own_ports.ts';
import type { SensorSettings, ServeSettings } from './settings.ts';

/** What the supervisor says to its children; what they say to each other goes over the bus. */
export type ToChild =
  | {
      readonly edgetap: 'child';
      readonly kind: 'begin';
      /** What this child needs of them. */
      readonly settings: ServeSettings | SensorSettings;
      /** Goes into control's own environment, where nobody else reads it. */
      readonly ambient?: Readonly<Record<string, string>>;
    }
  | { readonly edgetap: 'child'; readonly kind: 'shut_down' }
  /** Ending it takes too long: what is not delivered yet is left to the next start. */
  | { readonly edgetap: 'child'; readonly kind: 'hurry' }
  /** How the process of the sensor is: to control, at every change. `trouble` is why it is not there. */
  | { readonly edgetap: 'child'; readonly kind: 'sensor_process'; readonly trouble?: string }
  /** What does not work? To control. */
  | { readonly edgetap: 'child'; readonly kind: 'ask_troubles' }
  /** Where edgetap listens: to the sensor, which captures nothing before it knows. */
  | { readonly edgetap: 'child'; readonly kind: 'listeners'; readonly listeners: readonly Listener[] }
  /** It is to read certificates again. */
  | { readonly edgetap: 'child'; readonly kind: 'reload' };

/** What a child says to the supervisor. */
export type FromChild =
  | { readonly edgetap: 'child'; readonly kind: 'ready'; readonly details: ReadyDetails }
  /** It cannot start, and starting it again would not help. */
  | { readonly edgetap: 'child'; readonly kind: 'refused'; readonly fault: Fault }
  /** What does not work, for people: the answer to `ask_troubles`. */
  | { readonly edgetap: 'child'; readonly kind: 'troubles'; readonly reasons: readonly string[] }
  /** Somebody sent it SIGTERM: when is its turn to end? */
  | { readonly edgetap: 'child'; readonly kind: 'told_to_end' };

/** What a child that is ready has to say for the first screen. */
export interface ReadyDetails {
  readonly url?: string;
  /** The port of the API. */
  readonly port?: number;
  /** Wherever control listens. */
  readonly listeners?: readonly Listener[];
  readonly account_id?: string;
  /** Made just now, and shown this once. */
  readonly token?: string;
  /** The setting whose token is good for the account. */
  readonly given?: string;
  /** For the operator: what does not work, and what to run. */
  readonly warnings?: readonly string[];
  readonly interfaces?: readonly string[];
}

/** Is this a message between the supervisor and a child? */
export function isChildMessage(value: unknown): value is ToChild | FromChild {
  return typeof value === 'object' && value !== null && 'edgetap' in value && value.edgetap === 'child';
}
