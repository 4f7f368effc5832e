import type { HostInterface } from '../libpcap/interfaces.ts';
import type { Program } from '../libpcap/program.ts';
import type { Fault } from '../model/errors/fault.ts';
import type { TimeNs } from '../model/time.ts';
import type { RecordLimits } from './record_sorter.ts';
import type { RunEnd } from './run_end.ts';

/** What every capture of a worker shares: given at its start. */
export interface WorkerData {
  readonly control: SharedArrayBuffer;
  readonly budget: { readonly shared: SharedArrayBuffer; readonly limit_bytes: number };
}

/** How interfaces are opened. */
export interface OpenOptions {
  readonly interface: HostInterface;
  readonly snaplen_bytes: number;
  readonly ring_bytes: number;
  readonly block_timeout_ms: number;
  readonly promiscuous: boolean;
}

/** To a worker that is idle: `probe` or `open`. To one that has opened: `arm` or `close`. */
export type ToWorker =
  | { readonly kind: 'probe'; readonly open: OpenOptions }
  | { readonly kind: 'open'; readonly open: OpenOptions }
  | { readonly kind: 'close' }
  | {
      readonly kind: 'arm';
      readonly program: Program;
      readonly limits: RecordLimits;
      readonly time_limit_ms: number;
      readonly leave_out_earlier: boolean;
      /** An empty file, open for writing; it stays the sender's. */
      readonly descriptor: number;
    };

/**
 * From a worker. An `open` is answered by `opened`, an `arm` by `armed`, then `ended`; each of them, or by `failed`. `idle` follows
 * every answer but `opened`: the ring is there until it was armed or closed.
 */
export type FromWorker =
  | { readonly kind: 'ready'; readonly wake_descriptor: number }
  | { readonly kind: 'probed'; readonly linktype: number }
  | { readonly kind: 'opened'; readonly linktype: number }
  | { readonly kind: 'armed'; readonly linktype: number; readonly armed_at: TimeNs; readonly clock_offset: bigint }
  | { readonly kind: 'ended'; readonly end: RunEnd }
  | { readonly kind: 'failed'; readonly faults: readonly [Fault, ...Fault[]] }
  | { readonly kind: 'idle' };
