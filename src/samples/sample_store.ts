import type { OwnTrafficBoard } from '../libpcap/own_traffic.ts';
import type { Fault } from '../model/errors/fault.ts';
import type { TimeNs } from '../model/time.ts';
import type { SampleClock } from './clock.ts';
import type { SamplingStatus } from './interface_sampler.ts';
import type { LookbackAnswer, LookbackQuery } from './lookback.ts';
import type { TallyAnswer, TallyQuery } from './tally.ts';

/** Where and how samples are kept. */
export interface SampleStoreOptions {
  /** The store's own; made where it is missing. No other process may have it open. */
  readonly directory: string;
  /** For all files of all interfaces. */
  readonly byte_budget: number;
  /** Packets kept per second, at most, by all interfaces together that have no rate of their own. All packets by default. */
  readonly budget_pps?: number;
  /** How far back samples can be asked for; they are kept 6 minutes longer, for windows that end there. 24 h by default. */
  readonly age_limit_s?: number;
  /** Memory for the rings of all interfaces, and what is read out of them; 512 MiB by default. See `RingBudget`. */
  readonly memory_bytes?: number;
  /** Traffic that no sample has; none by default. */
  readonly own?: OwnTrafficBoard;
  readonly clock: SampleClock;
  /** Look-backs at one time, of each owner one fewer; 5 by default. */
  readonly lookback_limit?: number;
  /** A segment is sealed at this size at the latest; 64 MiB by default, and never more than its share of the budget. */
  readonly segment_bytes?: number;
  /** Hears of damage, lost interfaces and full disks, each once. */
  readonly report: (fault: Fault) => void;
}

/** What to sample. */
export interface StartSampling {
  readonly interface: string;
  /** 1 in this many packets is kept. By default the rate adapts to the interface's share of the store's budget. */
  readonly rate?: number;
  /** The ring is not larger than this; 28 MiB by default. How large it is depends on the memory that is left. */
  readonly ring_bytes?: number;
  /** The names of all interfaces that are to be sampled: by their traffic they share the memory. This one by default. */
  readonly among?: readonly string[];
  /** True by default. */
  readonly promiscuous?: boolean;
  /** 60 s by default. */
  readonly segment_age_ms?: number;
}

/** The store at one moment. */
export interface SampleStoreStatus {
  /** Sealed segments. */
  readonly segments: number;
  /** Of these, those whose index is still to be made. */
  readonly unindexed: number;
  /** Bytes of all files. */
  readonly bytes: number;
  /** Times of the oldest and of the newest packet; absent while there is none. */
  readonly oldest?: TimeNs;
  readonly newest?: TimeNs;
  readonly interfaces: readonly InterfaceStatus[];
}

/** One interface of the store. `sampling` is absent where it is not being sampled now. */
export interface InterfaceStatus {
  readonly interface: string;
  readonly bytes: number;
  readonly oldest?: TimeNs;
  readonly newest?: TimeNs;
  readonly sampling?: SamplingStatus;
}

/** A sensor's ring of sampled packets: fills itself, forgets the oldest, and is asked for what was. */
export interface SampleStore {
  /**
   * Samples an interface from now on. Returns when the first attempt to open it has ended; where the interface is not there, or goes
   * away, it is tried again until `stopSampling` or `close`, and its status says so.
   *
   * @throws FaultError `sampling_twice`, `samples_closed`, `sampling_memory_exhausted`; `capture_denied`, `libpcap_missing`, where
   * trying again cannot help.
   */
  startSampling(what: StartSampling): Promise<void>;
  /** Ends the sampling of an interface and seals what there is. */
  stopSampling(interface_name: string): Promise<void>;
  /**
   * Answers a look-back: the newest `packet_limit` packets of (from, to] that match. Waits until all packets up to `to` are visible, at most
   * 2 s. Sampling goes on meanwhile. What comes when as many are answered as may be waits for its turn, in round-robin order over owners.
   *
   * @throws FaultError `lookback_busy`, `lookback_failed`, `samples_closed`; the signal's reason once it is aborted.
   */
  query(query: LookbackQuery): Promise<LookbackAnswer>;
  /**
   * Counts all packets of (from, to] that match, by interface. Waits and is limited as a look-back is, and counts as one.
   *
   * @throws FaultError `lookback_busy`, `lookback_failed`, `samples_closed`; the signal's reason once it is aborted.
   */
  tally(query: TallyQuery): Promise<TallyAnswer>;
  /** The link types that there are samples of, or may be in a moment: those that a query needs programs for. */
  linktypes(): readonly number[];
  status(): SampleStoreStatus;
  /** Evicts what has become too old or too much. The store does it by itself once a second. */
  evict(): Promise<void>;
  /** Ends sampling, waits for look-backs, seals what there is. Safe to call twice. */
  close(): Promise<void>;
}
