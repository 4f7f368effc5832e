import type { Fault } from '../model/errors/fault.ts';
import type { SegmentMark, SegmentSum } from './segment_mark.ts';

/** What a sampler is told at its start. */
export interface SamplerOrder {
  readonly interface: string;
  /** 1 in this many packets is kept at first, and for ever where the state has no budget. */
  readonly rate: number;
  readonly ring_bytes: number;
  /** Memories that what is read out of the ring at once fills at most. */
  readonly memories: number;
  readonly promiscuous: boolean;
  /** A segment is full once it is so old. */
  readonly segment_age_ms: number;
  /** Nothing was tried yet: what somebody has to mend ends the attempt. Later it is tried again for as long as it takes. */
  readonly first: boolean;
  /** Memory of `SamplerState`. */
  readonly state: SharedArrayBuffer;
  /** Memory of `OwnTrafficBoard`: what no sample has. Nothing by default. */
  readonly own?: SharedArrayBuffer;
}

/** The store gives a sampler files to write into. */
export interface SegmentOffer {
  readonly kind: 'segment';
  /** Which opening of the interface it is for. */
  readonly generation: number;
  /** Its place in `SamplerState`, and its name in all that the sampler says of it. */
  readonly slot: number;
  readonly packets_descriptor: number;
  readonly header_descriptor: number;
  /** A segment is full once it is so long. */
  readonly limit_bytes: number;
}

/** What the store says to a sampler; the wake descriptor is written after each. `room` answers `full`. */
export type ToSampler =
  | SegmentOffer
  | { readonly kind: 'room'; readonly made: boolean }
  /** Somebody has removed the files of this segment: nothing more is to be written into it. */
  | { readonly kind: 'removed'; readonly slot: number };

/** What a sampler says to the store. */
export type FromSampler =
  /** The interface is open: segments of this link type are wanted. */
  | { readonly kind: 'opened'; readonly generation: number; readonly linktype: number }
  /** It writes into this segment now: the next one can be made ready. */
  | { readonly kind: 'taken'; readonly slot: number }
  /** It has written its last into this segment: seal it. `sum` vouches for what no sum in the file does yet. */
  | {
      readonly kind: 'finished';
      readonly slot: number;
      readonly start: SegmentMark;
      readonly seal: SegmentMark;
      readonly sum?: SegmentSum;
    }
  /** It will not write into this segment. */
  | { readonly kind: 'unused'; readonly slot: number }
  /** The disk is full: make room. */
  | { readonly kind: 'full' }
  /** Something is wrong; it goes on, or tries again. */
  | { readonly kind: 'trouble'; readonly fault: Fault }
  /** Its last word. With a fault where it cannot sample at all. */
  | { readonly kind: 'ended'; readonly fault?: Fault };

/** To a thread of samplers: one more of a number that is never used again, what one is told, or that none will come any more. */
export type ToSampleThread =
  | { readonly kind: 'begin'; readonly sampler: number; readonly order: SamplerOrder }
  | { readonly kind: 'tell'; readonly sampler: number; readonly message: ToSampler }
  | { readonly kind: 'end' };

/** From a thread of samplers. */
export type FromSampleThread =
  /** Write 8 bytes to this descriptor to wake it. */
  | { readonly kind: 'ready'; readonly wake_descriptor: number }
  | { readonly kind: 'said'; readonly sampler: number; readonly message: FromSampler }
  /** It is over with this sampler; where it failed, by what. */
  | { readonly kind: 'gone'; readonly sampler: number; readonly failure?: string };
