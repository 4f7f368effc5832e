import { type Fault, fault, FaultError } from '../model/errors/fault.ts';
import type { TimeNs } from '../model/time.ts';
import { OpenSegments, type OpenSegment, type OpenSegmentsPorts } from './open_segments.ts';
import type { SampleThreads, SamplerSeat } from './sample_threads.ts';
import type { FromSampler, SamplerOrder, ToSampler } from './sampler_messages.ts';
import { SamplerState, type SamplerPhase } from './sampler_state.ts';
import { segmentLabel } from './segment_label.ts';
import type { Stream } from './stream.ts';

/** How an interface is sampled. */
export interface SamplingOptions {
  readonly interface: string;
  /** 1 in this many packets is kept, 1 for all; chosen in the kernel. Absent: it begins with all and adapts to `budget_pps`. */
  readonly rate?: number;
  /** The kernel's ring: what can be held while the disk is slow. */
  readonly ring_bytes: number;
  /** Memories that what is read out of the ring at once fills at most. */
  readonly memories: number;
  /** See packets that are addressed to others, as on a mirror port. */
  readonly promiscuous: boolean;
  readonly segment_age_ms: number;
  /** Memory of `OwnTrafficBoard`: what is left out. Nothing by default. */
  readonly own?: SharedArrayBuffer;
}

/** How the sampling of an interface goes. Counts are since it began. */
export interface SamplingStatus {
  readonly interface: string;
  /** 1 in this many packets is kept now. */
  readonly rate: number;
  readonly phase: SamplerPhase;
  readonly linktype?: number;
  /** Every sampled packet up to this moment can be found. */
  readonly watermark?: TimeNs;
  /** Packets in the store. */
  readonly packets: bigint;
  /** Packets that passed the kernel's sampling: those in the store, dropped, lost, and not counted yet. */
  readonly accepted: bigint;
  /** Dropped by the full ring. */
  readonly dropped: bigint;
  /** Not taken by the disk. */
  readonly lost: bigint;
  /** What is wrong, while something is. */
  readonly fault?: Fault;
}

/** What a sampler needs of the store. */
export interface InterfaceSamplerPorts extends Omit<OpenSegmentsPorts, 'rate' | 'vacated'> {
  readonly threads: SampleThreads;
  /** Makes what the stream needs on the disk, as often as it is called. */
  openStream(interface_name: string, linktype: number): Promise<Stream>;
  segmentLimit(): number;
  /** A segment begins to grow; its length is in that slot of the state. */
  growing(segment: OpenSegment, state: SamplerState): void;
}

const retry_ms = 1000;

/** Samples one interface: a sampler in a thread, and here the files that it writes into. */
export class InterfaceSampler {
  readonly #options: SamplingOptions;
  readonly #ports: InterfaceSamplerPorts;
  readonly #segments: OpenSegments;
  readonly #begun = Promise.withResolvers<void>();
  /** The first attempt has ended. */
  #settled = false;
  #state = new SamplerState();
  #budget_pps: number;
  #seat: SamplerSeat | undefined;
  #exited: Promise<void> = Promise.resolve();
  #generation = 0;
  #stream: Stream | undefined;
  #linktype: number | undefined;
  #wanted = false;
  #making = false;
  /** The last attempt to make a segment failed: what it needs is made anew before the next. */
  #unprepared = false;
  #closing = false;
  #fault: Fault | undefined;
  /** All that is under way on the disk. */
  readonly #work = new Set<Promise<void>>();

  /** `budget_pps`: packets to be kept per second, at most; says nothing where the rate is fixed. */
  constructor(options: SamplingOptions, budget_pps: number, ports: InterfaceSamplerPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#budget_pps = budget_pps;
    const vacated = (slot: number): void => this.#state.vacate(slot);
    this.#segments = new OpenSegments({ ...ports, rate: () => this.rate, vacated });
    void this.#begun.promise.then(
      () => (this.#settled = true),
      () => undefined,
    );
    this.#launch();
  }

  /**
   * Resolves when the first attempt has ended: packets come, or the interface is not there or the disk does not take them, and it is
   * tried again.
   *
   * @throws FaultError where trying again cannot help: `capture_denied`, `libpcap_missing`.
   */
  get begun(): Promise<void> {
    return this.#begun.promise;
  }

  get state(): SamplerState {
    return this.#state;
  }

  get open(): readonly OpenSegment[] {
    return this.#segments.all;
  }

  get interface(): string {
    return this.#options.interface;
  }

  /** 1 in this many packets is kept now. */
  get rate(): number {
    return this.#state.rate;
  }

  /** Does its rate adapt to the budget? */
  get adapts(): boolean {
    return this.#options.rate === undefined;
  }

  set budget_pps(budget_pps: number) {
    this.#budget_pps = budget_pps;
    if (this.adapts) this.#state.budget_pps = budget_pps;
  }

  status(): SamplingStatus {
    const { phase, watermark, totals } = this.#state;
    return {
      interface: this.#options.interface,
      rate: this.rate,
      phase,
      ...(this.#linktype === undefined ? {} : { linktype: this.#linktype }),
      ...(watermark === undefined ? {} : { watermark }),
      ...totals,
      ...(this.#fault === undefined ? {} : { fault: this.#fault }),
    };
  }

  /** Looks whether what is written still has its name on the disk, and begins anew where it has not. To be called once a second. */
  async lookAtFiles(): Promise<void> {
    for (const segment of await this.#segments.findRemoved()) {
      this.#unprepared = true;
      const label = segmentLabel(segment.stream, segment.number);
      this.#trouble(fault('samples_write_failed', { reason: `somebody removed the files of segment ${label}` }));
      this.#tell({ kind: 'removed', slot: segment.slot });
    }
  }

  /** Ends sampling, and returns when all that was sampled is sealed. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#state.stop();
    this.#seat?.wake();
    await this.#exited;
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  #launch(): void {
    this.#state = new SamplerState();
    const { rate = 1 } = this.#options;
    this.#state.rate = rate;
    if (this.adapts) this.#state.budget_pps = this.#budget_pps;
    const order: SamplerOrder = { ...this.#options, rate, first: !this.#settled, state: this.#state.buffer };
    const exited = Promise.withResolvers<void>();
    this.#exited = exited.promise;
    const gone = (failure: string | undefined): void => {
      this.#seat = undefined;
      this.#do(this.#afterExit(failure));
      exited.resolve();
    };
    try {
      this.#seat = this.#ports.threads.begin(order, { said: (message) => this.#hear(message), gone });
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      gone(error.message);
    }
  }

  /** A sampler says `ended` before it goes; one that does not has failed, and another takes its place. */
  async #afterExit(failure: string | undefined): Promise<void> {
    const ended = this.#state.phase === 'ended' || this.#closing;
    this.#state.phase = ended ? 'ended' : 'interrupted';
    await this.#segments.salvage();
    if (ended) return;
    const params = { interface: this.#options.interface, reason: failure ?? 'its thread has ended' };
    this.#trouble(fault('sampling_interrupted', params));
    this.#begun.resolve();
    await this.#ports.clock.sleep(retry_ms);
    if (!this.#closing) this.#launch();
  }

  #hear(message: FromSampler): void {
    switch (message.kind) {
      case 'opened':
        this.#generation = message.generation;
        this.#linktype = message.linktype;
        return this.#do(this.#openStream(message.generation, message.linktype));
      case 'taken':
        this.#fault = undefined;
        this.#begun.resolve();
        return this.#segmentTaken(message.slot);
      case 'finished': {
        const segment = this.#segments.at(message.slot);
        if (segment !== undefined) this.#do(this.#seal(segment, message));
        return;
      }
      case 'unused': {
        const segment = this.#segments.at(message.slot);
        if (segment !== undefined) this.#do(this.#discard(segment));
        return;
      }
      case 'full':
        return this.#do(this.#makeRoom());
      case 'trouble':
        this.#trouble(message.fault);
        return this.#begun.resolve();
      case 'ended':
        if (message.fault === undefined) return this.#begun.resolve();
        this.#fault = message.fault;
        return this.#begun.reject(new FaultError([message.fault]));
    }
  }

  /** Where its directory cannot be made or read now, it is tried until it can be. */
  async #openStream(generation: number, linktype: number): Promise<void> {
    this.#stream = undefined;
    while (generation === this.#generation && !this.#closing) {
      try {
        const stream = await this.#ports.openStream(this.#options.interface, linktype);
        if (generation !== this.#generation) return;
        this.#stream = stream;
        this.#wanted = true;
        return await this.#offer();
      } catch (error) {
        this.#cannotWrite(error);
        await this.#ports.clock.sleep(retry_ms);
      }
    }
  }

  #segmentTaken(slot: number): void {
    const segment = this.#segments.at(slot);
    if (segment !== undefined) {
      segment.phase = 'taken';
      this.#ports.growing(segment, this.#state);
    }
    this.#wanted = true;
    this.#do(this.#offer());
  }

  async #discard(segment: OpenSegment): Promise<void> {
    try {
      await this.#segments.discard(segment);
    } catch (error) {
      this.#cannotWrite(error);
    }
    if (segment.removed !== true) return;
    this.#wanted = true;
    await this.#offer();
  }

  async #seal(segment: OpenSegment, { start, seal, sum }: FromSampler & { readonly kind: 'finished' }): Promise<void> {
    await this.#segments.seal(segment, start, seal, sum);
    await this.#offer();
  }

  /** Makes the next segment and gives it to the sampler, once there is a place for it. */
  async #offer(): Promise<void> {
    const [stream, generation] = [this.#stream, this.#generation];
    if (!this.#wanted || this.#making || stream === undefined || this.#closing) return;
    this.#making = true;
    let failed = false;
    try {
      // What was there when the stream was opened may have been removed since.
      if (this.#unprepared) await this.#ports.openStream(stream.interface, stream.linktype);
      const segment = await this.#segments.make(stream);
      this.#unprepared = false;
      if (segment === undefined) return;
      this.#wanted = false;
      if (generation === this.#generation && !this.#closing && this.#seat !== undefined) {
        this.#give(segment, generation);
      } else {
        await this.#segments.discard(segment);
        this.#wanted = true;
      }
    } catch (error) {
      failed = true;
      this.#unprepared = true;
      this.#cannotWrite(error);
    } finally {
      this.#making = false;
    }
    if (failed) await this.#ports.clock.sleep(retry_ms);
    if (failed || generation !== this.#generation) this.#do(this.#offer());
  }

  #give(segment: OpenSegment, generation: number): void {
    this.#tell({
      kind: 'segment',
      generation,
      slot: segment.slot,
      packets_descriptor: segment.packets.fd,
      header_descriptor: segment.header.fd,
      limit_bytes: this.#ports.segmentLimit(),
    });
  }

  async #makeRoom(): Promise<void> {
    const count = await this.#ports.makeRoom();
    this.#tell({ kind: 'room', made: count > 0 });
  }

  #tell(message: ToSampler): void {
    this.#seat?.tell(message);
  }

  /** Says the same thing once. */
  #trouble(cause: Fault): void {
    const said = this.#fault?.message === cause.message;
    this.#fault = cause;
    if (!said) this.#ports.report(cause);
  }

  /** The first attempt has ended, without success: it is tried again, and nobody waits for that. */
  #cannotWrite(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#trouble(error instanceof FaultError ? error.faults[0] : fault('samples_write_failed', { reason }));
    this.#begun.resolve();
  }

  /** Follows work to its end; a failure of it is reported. */
  #do(work: Promise<void>): void {
    const followed = work
      .catch((error: unknown) => this.#cannotWrite(error))
      .finally(() => this.#work.delete(followed));
    this.#work.add(followed);
  }
}
