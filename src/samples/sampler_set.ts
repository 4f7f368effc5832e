import { interfaceBytes } from '../libpcap/interface_traffic.ts';
import { raise } from '../model/errors/fault.ts';
import { RingBudget, type RingGrant } from '../model/ring_budget.ts';
import { TrafficShares } from '../model/traffic_shares.ts';
import { InterfaceSampler, type InterfaceSamplerPorts, type SamplingOptions } from './interface_sampler.ts';
import type { OpenSegment } from './open_segments.ts';
import { sample_ring_most_bytes, sampleRings } from './sample_rings.ts';
import type { SampleStoreOptions, StartSampling } from './sample_store.ts';
import { SampleThreads } from './sample_threads.ts';

/** What samplers are given, besides what the set itself has. */
export type SamplerPorts = Omit<InterfaceSamplerPorts, 'threads' | 'segmentLimit'>;

/** The memory of rings where nothing else is said: 256 interfaces have one of the least size at least. */
const default_memory_bytes = 512 << 20;
/** Threads that sample: each interface of the first ones has one of its own. */
const threads_max = 4;
const segment_most_bytes = 64 << 20;
const segment_least_bytes = 64 << 10;

/** The interfaces that are being sampled, which share threads, memory, the budget of packets and that of bytes. */
export class SamplerSet {
  readonly #options: SampleStoreOptions;
  readonly #ports: SamplerPorts;
  readonly #samplers = new Map<string, InterfaceSampler>();
  readonly #threads = new SampleThreads(threads_max);
  readonly #memory: RingBudget;
  /** The memory of each sampler's ring. */
  readonly #grants = new Map<InterfaceSampler, RingGrant>();

  constructor(options: SampleStoreOptions, ports: SamplerPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#memory = new RingBudget(options.memory_bytes ?? default_memory_bytes, sampleRings);
  }

  /** Their interfaces. */
  get names(): readonly string[] {
    return [...this.#samplers.keys()];
  }

  get all(): readonly InterfaceSampler[] {
    return [...this.#samplers.values()];
  }

  /** That of an interface. */
  of(interface_name: string): InterfaceSampler | undefined {
    return this.#samplers.get(interface_name);
  }

  /** As the store's `startSampling`. Throws `sampling_twice`, `sampling_memory_exhausted`, and what trying again cannot help against. */
  async start(what: StartSampling): Promise<void> {
    const { rate = this.#options.budget_pps === undefined ? 1 : undefined } = what;
    if (rate !== undefined && (!Number.isInteger(rate) || rate < 1 || rate >= 2 ** 32))
      throw new RangeError(`a rate of 1 in ${rate} cannot be`);
    if (this.#samplers.has(what.interface)) raise('sampling_twice', { interface: what.interface });
    const { ring_bytes: most_bytes = sample_ring_most_bytes, among = [what.interface], ...manners } = what;
    const share = TrafficShares.ever(interfaceBytes()).shareOf(what.interface, among);
    const grant = this.#memory.take({ most_bytes, share });
    if (grant === undefined) {
      const { rings_max: limit, limit_bytes } = this.#memory;
      return raise('sampling_memory_exhausted', { interface: what.interface, limit, limit_bytes });
    }
    const options: SamplingOptions = {
      promiscuous: true,
      segment_age_ms: 60_000,
      ...manners,
      ...grant,
      ...(rate === undefined ? {} : { rate }),
      ...(this.#options.own === undefined ? {} : { own: this.#options.own.shared }),
    };
    const sampler = new InterfaceSampler(options, this.#options.budget_pps ?? 0, {
      ...this.#ports,
      threads: this.#threads,
      segmentLimit: () => this.#segmentLimit(),
    });
    this.#samplers.set(what.interface, sampler);
    this.#grants.set(sampler, grant);
    this.#shareBudget();
    try {
      await sampler.begun;
    } catch (error) {
      this.#samplers.delete(what.interface);
      this.#shareBudget();
      await this.#end(sampler);
      throw error;
    }
  }

  /** Ends the sampling of an interface; nothing where it is not sampled. */
  async stop(interface_name: string): Promise<void> {
    const sampler = this.#samplers.get(interface_name);
    if (sampler === undefined) return;
    await this.#end(sampler);
    this.#samplers.delete(interface_name);
    this.#shareBudget();
  }

  /** The segments that are being written. */
  *open(): Iterable<OpenSegment> {
    for (const { open } of this.#samplers.values()) yield* open;
  }

  /** Bytes of these. */
  get open_bytes(): number {
    let bytes = 0;
    for (const { state, open } of this.#samplers.values()) {
      for (const { slot } of open) bytes += state.content(slot).length;
    }
    return bytes;
  }

  /** Its ring is gone then: another can have the memory. */
  async #end(sampler: InterfaceSampler): Promise<void> {
    await sampler.close();
    const grant = this.#grants.get(sampler);
    if (grant !== undefined) this.#memory.giveBack(grant);
    this.#grants.delete(sampler);
  }

  /** All interfaces whose rate adapts may keep the same. */
  #shareBudget(): void {
    const adapting = this.all.filter(({ adapts }) => adapts);
    const share = Math.floor((this.#options.budget_pps ?? 0) / adapting.length);
    for (const sampler of adapting) sampler.budget_pps = Math.max(1, share);
  }

  #segmentLimit(): number {
    const share = Math.floor(this.#options.byte_budget / 4 / Math.max(1, this.#samplers.size));
    return Math.max(segment_least_bytes, Math.min(this.#options.segment_bytes ?? segment_most_bytes, share));
  }
}
