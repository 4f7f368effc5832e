import { raise } from '../model/errors/fault.ts';
import { limits } from '../model/limits.ts';
import { BatchMemory } from '../libpcap/batch_memory.ts';
import { type HostInterface, interfaceNamed } from '../libpcap/interfaces.ts';
import { headerLinktype } from '../libpcap/linktype_of.ts';
import type { LiveHandle, LiveStatistics } from '../libpcap/live_handle.ts';
import { openLive } from '../libpcap/open_live.ts';
import { accept, accept_bytes, encodeInstructions, type Program } from '../libpcap/program.ts';
import { OwnTrafficBoard, type OwnTraffic } from '../libpcap/own_traffic.ts';
import { keepBytes, leaveOutOwn, rejectOutgoing, sampleOneIn } from '../libpcap/program_prefix.ts';
import { realTime } from '../libpcap/real_time.ts';
import type { RateSwitch } from './segment_sink.ts';

/** How to sample an interface. */
export interface LiveSourceOptions {
  readonly interface: string;
  /** 1 in this many packets is kept at first. */
  readonly rate: number;
  readonly ring_bytes: number;
  /** Memories of 128 KiB that one `drain` fills at most; 8 by default. */
  readonly memories?: number;
  /** Absent: a packet can be taken out as soon as it has come; see `LiveOptions`. */
  readonly block_timeout_ms?: number;
  readonly promiscuous: boolean;
  /** Memory of `OwnTrafficBoard`: what is left out. Nothing by default. */
  readonly own?: SharedArrayBuffer;
}

/** Written out once so much has gathered, for each memory. */
const memory_fill_bytes = 128 << 10;

/** The sampled packets of one interface, as they come: the first 160 bytes of 1 in N, chosen by the kernel. */
export class LiveSource {
  readonly linktype: number;
  readonly descriptor: number;
  readonly #handle: LiveHandle;
  readonly #memory: BatchMemory;
  readonly #name: string;
  readonly #loopback: boolean;
  readonly #own: OwnTrafficBoard;
  #own_version = 0;
  #rate: number;
  readonly #fill_bytes: number;
  #read = 0n;

  /**
   * Opens the interface and begins.
   *
   * @throws FaultError `interface_unknown`, `capture_denied`, `capture_open_failed`, `filter_attach_failed`, `libpcap_missing`.
   */
  constructor(options: LiveSourceOptions) {
    const found = named(options.interface);
    this.#name = options.interface;
    this.#loopback = found.loopback;
    this.#own = new OwnTrafficBoard(options.own);
    this.#rate = options.rate;
    const fill_bytes = memory_fill_bytes * (options.memories ?? 8);
    this.#fill_bytes = fill_bytes;
    const snaplen_bytes = limits.sample_snaplen_bytes;
    this.#handle = openLive({ ...options, interface: found, snaplen_bytes });
    let memory: BatchMemory | undefined;
    try {
      memory = new BatchMemory(this.#handle, { fill_bytes, snaplen_bytes });
      this.#memory = memory;
      this.linktype = headerLinktype(this.#memory.fileHeader);
      this.descriptor = this.#handle.descriptor;
      this.#attach(this.#filter(options.rate));
      this.#handle.start();
    } catch (error) {
      memory?.close();
      this.#handle.close();
      throw error;
    }
  }

  /** The records of the last `drain`; good until the next. */
  get bytes(): Uint8Array {
    return this.#memory.bytes(0, this.#memory.length);
  }

  /** The same bytes for reading fields, and those after them. */
  get view(): DataView {
    return this.#memory.view;
  }

  /**
   * Takes packets out of the ring until it is empty (true) or its memory is full (false).
   *
   * @throws FaultError `capture_read_failed`, `batch_inconsistent`, `filter_attach_failed`; `bytes` then has what came before.
   */
  drain(): boolean {
    // Addresses of this host come and go.
    if (this.#own.version !== this.#own_version) this.#attach(this.#filter(this.#rate));
    this.#memory.rewind();
    while (this.#memory.length < this.#fill_bytes) {
      const got = this.#memory.append();
      if (got === 0) return true;
      if (got === -1) raise('capture_read_failed', { interface: this.#name, reason: this.#handle.error });
      if (got === -2) {
        const lengths = { got_bytes: this.#memory.length, expected_bytes: 'less' };
        raise('batch_inconsistent', { interface: this.#name, ...lengths });
      }
      this.#read += BigInt(got);
    }
    return false;
  }

  /** Packets that `drain` has taken out so far. */
  get read(): bigint {
    return this.#read;
  }

  /** The name of the interface now; undefined where it was removed. */
  currentName(): string | undefined {
    return this.#handle.currentName();
  }

  statistics(): LiveStatistics {
    return this.#handle.statistics();
  }

  /** Gets ready for another rate; what is in the ring stays. Its `swap` throws `filter_attach_failed`. */
  prepareRate(rate: number): RateSwitch {
    const filter = this.#filter(rate);
    return {
      stamp: () => realTime(),
      swap: () => {
        const before = realTime();
        this.#attach(filter);
        this.#rate = rate;
        return { before, since: realTime() };
      },
    };
  }

  #filter(rate: number): Filter {
    const { version, groups } = this.#own.read();
    return { version, instructions: samplingProgram(this.linktype, rate, this.#loopback, groups).instructions };
  }

  #attach({ version, instructions }: Filter): void {
    this.#handle.attachFilter(instructions);
    this.#own_version = version;
  }

  /** No packet passes any more; what is in the ring stays to be read. */
  rejectAll(): void {
    this.#handle.rejectAll();
  }

  close(): void {
    this.#memory.close();
    this.#handle.close();
  }
}

interface Filter {
  /** Of what is left out. */
  readonly version: number;
  readonly instructions: Uint8Array;
}

/** What a sampler reads packets from: a `LiveSource`, or what does as it does. */
export type SampleSource = Pick<LiveSource, keyof LiveSource>;

function named(name: string): HostInterface {
  return interfaceNamed(name) ?? raise('interface_unknown', { interface: name });
}

/**
 * The kernel's filter: on loopback only what comes in, of that 1 in `rate`, of those what is not edgetap's own, and the first 160 bytes. The
 * cheapest question is the one for the random number, so it comes first.
 */
export function samplingProgram(
  linktype: number,
  rate: number,
  loopback: boolean,
  own: readonly OwnTraffic[] = [],
): Program {
  const all = { linktype, instructions: encodeInstructions([accept(accept_bytes)]) };
  const sampled = sampleOneIn(leaveOutOwn(keepBytes(all, limits.sample_snaplen_bytes), own), rate);
  return loopback ? rejectOutgoing(sampled) : sampled;
}
