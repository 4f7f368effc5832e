import type { HostInterface } from '../libpcap/interfaces.ts';
import type { Program } from '../libpcap/program.ts';
import type { Fault } from '../model/errors/fault.ts';
import type { TimeNs } from '../model/time.ts';
import type { RecordLimits } from './record_sorter.ts';
import type { RunEnd } from './run_end.ts';

/** What every ring of a worker shares: given at its start. */
export interface WorkerData {
  readonly budget: { readonly shared: SharedArrayBuffer; readonly limit_bytes: number; readonly share_percent: number };
  /** Memory of `OwnTrafficBoard`: what no capture has. */
  readonly own: SharedArrayBuffer;
}

/** How interfaces are opened. */
export interface OpenOptions {
  readonly interface: HostInterface;
  readonly snaplen_bytes: number;
  readonly ring_bytes: number;
  /** Memories of 1 MiB that packets may be read into, at most. */
  readonly memories: number;
  readonly block_timeout_ms: number;
  readonly promiscuous: boolean;
}

/** What a ring is told. Of a new one: `probe` or `open`. Of one that is open: `prepare`, then `arm`; or `close` at any time before that. */
export type ToRing =
  | { readonly kind: 'probe'; readonly open: OpenOptions }
  | {
      readonly kind: 'open';
      readonly open: OpenOptions;
      /** Memory of `CaptureControl`. */
      readonly control: SharedArrayBuffer;
    }
  | { readonly kind: 'close' }
  | {
      readonly kind: 'prepare';
      readonly program: Program;
      readonly limits: RecordLimits;
      /** Memory of `SpoolShare`: what the capture's owner has in the spool. */
      readonly share: SharedArrayBuffer;
      /** An empty file, open for writing; it stays the sender's. */
      readonly descriptor: number;
    }
  | { readonly kind: 'arm'; readonly time_limit_ms: number; readonly leave_out_earlier: boolean };

/**
 * What a ring says. An `open` is answered by `opened`, a `prepare` by `prepared`, an `arm` by `armed`, then `ended`; each of them, or by `failed`. `idle` follows
 * every answer but `opened` and `prepared`, once nothing of the ring is left: it is there until it was armed or closed. It is the last word.
 */
export type FromRing =
  | { readonly kind: 'probed'; readonly linktype: number }
  | { readonly kind: 'opened'; readonly linktype: number }
  | { readonly kind: 'prepared' }
  | { readonly kind: 'armed'; readonly linktype: number; readonly armed_at: TimeNs; readonly clock_offset: bigint }
  | { readonly kind: 'ended'; readonly end: RunEnd }
  | { readonly kind: 'failed'; readonly faults: readonly [Fault, ...Fault[]] }
  | { readonly kind: 'idle' };

/** To a worker: the number of the ring, which is never used again, and what it is told. The wake descriptor is written after each. */
export interface ToWorker {
  readonly ring: number;
  readonly message: ToRing;
}

/** From a worker: that it is ready, or cannot be, or what a ring says. */
export type FromWorker =
  | { readonly kind: 'ready'; readonly wake_descriptor: number }
  | { readonly kind: 'unready'; readonly faults: readonly [Fault, ...Fault[]] }
  | { readonly kind: 'ring'; readonly ring: number; readonly message: FromRing };
