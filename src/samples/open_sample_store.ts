import { interfaceBytes } from '../libpcap/interface_traffic.ts';
import { RingBudget, type RingGrant } from '../model/ring_budget.ts';
import { TrafficShares } from '../model/traffic_shares.ts';
import { sample_ring_most_bytes, sampleRings } from './sample_rings.ts';
import { SampleThreads } from './sample_threads.ts';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fault, raise } from '../model/errors/fault.ts';
import { FairTurns } from '../model/fair_turns.ts';
import { limits } from '../model/limits.ts';
import type { TimeNs } from '../model/time.ts';
import { bootId } from './boot_id.ts';
import { InterfaceSampler, type SamplingOptions } from './interface_sampler.ts';
import {
  compareStreams,
  type LookbackAnswer,
  type LookbackQuery,
  type LookbackView,
  prepareLookback,
  touchesGrowing,
} from './lookback.ts';
import { Indexer } from './indexer.ts';
import { segmentLabel } from './segment_label.ts';
import { openStream } from './open_stream.ts';
import { prepareTally } from './prepare_tally.ts';
import { ScanPool } from './scan_pool.ts';
import { syncDirectory } from './seal_segment.ts';
import type { FoundDamage } from './scan_job.ts';
import type { SealedSegment } from './sealed_segment.ts';
import { segmentFiles } from './segment_name.ts';
import { SegmentRing } from './segment_ring.ts';
import type { Stream } from './stream.ts';
import { parseStreamDirectory, streamDirectory, type StreamName } from './stream_name.ts';
import type { TallyAnswer, TallyQuery } from './tally.ts';

import type {
  InterfaceStatus,
  SampleStore,
  SampleStoreOptions,
  SampleStoreStatus,
  StartSampling,
} from './sample_store.ts';

/** 122,000 packets, whatever their sizes: four minutes of 500 a second, a tenth of a second of a million. */
/** The memory of rings where nothing else is said: 256 interfaces have one of the least size at least. */
const default_memory_bytes = 512 << 20;
/** Threads that sample: each interface of the first ones has one of its own. */
const threads_max = 4;
const segment_most_bytes = 64 << 20;
const segment_least_bytes = 64 << 10;
const room_bytes = 4 << 20;
const evict_interval_ms = 1000;
const poll_ms = 10;
const second_ns = 1_000_000_000n;
const full_report_interval_ns = 10n * second_ns;
/** The longest window, and a minute. */
const age_margin_s = limits.simple_time_max_s + 60;

/** Opens a store and brings it into order after whatever end it had; see docs/formats/segments.md. */
export async function openSampleStore(options: SampleStoreOptions): Promise<SampleStore> {
  const store = new DiskStore(options);
  await store.open();
  return store;
}

interface OpenedHere {
  readonly stream: Stream;
  /** Files in its directory that are not the store's. */
  readonly foreign: readonly string[];
}

class DiskStore implements SampleStore {
  readonly #options: SampleStoreOptions;
  readonly #boot = bootId();
  readonly #ring: SegmentRing;
  readonly #pool = new ScanPool();
  readonly #indexer: Indexer;
  /** Segments whose packets are damaged, by label: told once. */
  readonly #damaged = new Set<string>();
  readonly #streams = new Map<string, Promise<OpenedHere>>();
  #prepared: Promise<void> | undefined;
  readonly #opened: Stream[] = [];
  readonly #samplers = new Map<string, InterfaceSampler>();
  readonly #threads = new SampleThreads(threads_max);
  readonly #memory: RingBudget;
  /** The memory of each sampler's ring. */
  readonly #grants = new Map<InterfaceSampler, RingGrant>();
  readonly #turns: FairTurns;
  readonly #lookbacks_of_owner: number;
  readonly #lookbacks = new Set<Promise<unknown>>();
  /** What counts on after look-backs have been answered. */
  readonly #counting = new Set<Promise<unknown>>();
  #timer: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;
  #evicted_for_room = 0;
  #full_reported: bigint;

  constructor(options: SampleStoreOptions) {
    this.#options = options;
    const { lookback_limit: total = 5 } = options;
    const per_owner = Math.max(1, total - 1);
    this.#lookbacks_of_owner = per_owner;
    this.#turns = new FairTurns({ total, per_owner, waiting_per_owner: per_owner });
    this.#memory = new RingBudget(options.memory_bytes ?? default_memory_bytes, sampleRings);
    this.#full_reported = options.clock.monotonic() - full_report_interval_ns - 1n;
    const age_limit_ns = BigInt((options.age_limit_s ?? limits.lookback_max_s) + age_margin_s) * second_ns;
    this.#ring = new SegmentRing({ age_limit_ns, byte_budget: options.byte_budget });
    this.#indexer = new Indexer({
      clock: options.clock,
      report: options.report,
      makeRoom: () => this.#makeRoom(),
      indexed: (stream, segment, bytes) => this.#indexed(stream, segment, bytes),
      damaged: (stream, number, reason) => this.#packetsDamaged(stream, number, reason),
    });
  }

  async open(): Promise<void> {
    try {
      await this.#prepare();
    } catch (error) {
      // The disk may come right. Until then there is no past, and nothing else has to wait.
      this.#options.report(fault('samples_write_failed', { reason: reasonOf(error) }));
    }
    this.#pool.warm();
    this.#timer = setInterval(() => void this.#evictNow(), evict_interval_ms).unref();
  }

  /** Makes the directory, and takes in what an earlier process left in it: once, or again where that failed. */
  #prepare(): Promise<void> {
    if (this.#prepared !== undefined) return this.#prepared;
    const prepared = this.#takeIn();
    this.#prepared = prepared;
    prepared.catch(() => {
      this.#prepared = undefined;
    });
    return prepared;
  }

  async #takeIn(): Promise<void> {
    const { directory, report } = this.#options;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const foreign: string[] = [];
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      const name = parseStreamDirectory(entry.name);
      if (name === undefined || !entry.isDirectory()) {
        foreign.push(entry.name);
        continue;
      }
      if (this.#streams.has(entry.name)) continue;
      const opening = this.#openStream({ ...name, directory: join(directory, entry.name) });
      this.#keep(entry.name, opening);
      try {
        foreign.push(...(await opening).foreign.map((file) => `${entry.name}/${file}`));
      } catch (error) {
        // It is opened again before anything is written into it.
        report(fault('samples_write_failed', { reason: reasonOf(error) }));
      }
    }
    if (foreign.length > 0) {
      const names = foreign.length > 10 ? `${foreign.slice(0, 10).join(', ')}, …` : foreign.join(', ');
      report(fault('samples_foreign', { count: foreign.length, names }));
    }
    await this.#ring.evict(0, this.#options.clock.monotonic());
    this.#indexWhatIsNot();
  }

  async startSampling(what: StartSampling): Promise<void> {
    if (this.#closed !== undefined) raise('samples_closed');
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
    const { clock, report } = this.#options;
    const sampler = new InterfaceSampler(options, this.#options.budget_pps ?? 0, {
      clock,
      report,
      threads: this.#threads,
      boot: this.#boot,
      makeRoom: () => this.#makeRoom(),
      sealed: (stream, segment) => {
        this.#ring.add(stream, segment);
        this.#indexer.seal(stream, segment, true);
      },
      lost: (stream, number) => this.#indexer.forget(stream, number),
      growing: ({ stream, number, slot }, state) => this.#indexer.follow(stream, number, state.buffer, slot),
      openStream: (name, linktype) => this.#stream(name, linktype),
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

  async stopSampling(interface_name: string): Promise<void> {
    const sampler = this.#samplers.get(interface_name);
    if (sampler === undefined) return;
    await this.#end(sampler);
    this.#samplers.delete(interface_name);
    this.#shareBudget();
  }

  /** Its ring is gone then: another can have the memory. */
  async #end(sampler: InterfaceSampler): Promise<void> {
    await sampler.close();
    const grant = this.#grants.get(sampler);
    if (grant !== undefined) this.#memory.giveBack(grant);
    this.#grants.delete(sampler);
  }

  async query(query: LookbackQuery): Promise<LookbackAnswer> {
    const { packet_limit } = query;
    if (!Number.isInteger(packet_limit) || packet_limit < 1 || packet_limit > limits.packets_max) {
      throw new RangeError(`a packet limit of ${packet_limit} cannot be`);
    }
    return await this.#inTurn(query, () => this.#lookBack(query));
  }

  async tally(query: TallyQuery): Promise<TallyAnswer> {
    return await this.#inTurn(query, () => this.#tally(query));
  }

  /** Runs a look-back when its turn has come, unless too many of its owner wait. */
  async #inTurn<Answer>(
    { owner = '', signal }: Pick<LookbackQuery, 'owner' | 'signal'>,
    run: () => Promise<Answer>,
  ): Promise<Answer> {
    if (this.#closed !== undefined) raise('samples_closed');
    const open = async (): Promise<Answer> => (this.#closed === undefined ? await run() : raise('samples_closed'));
    const busy = (): never => raise('lookback_busy', { limit: this.#lookbacks_of_owner });
    const answer = this.#turns.take(owner, open, busy, signal);
    this.#lookbacks.add(answer);
    try {
      return await answer;
    } finally {
      this.#lookbacks.delete(answer);
    }
  }

  linktypes(): readonly number[] {
    return [...new Set(this.#opened.map(({ linktype }) => linktype))].sort((a, b) => a - b);
  }

  status(): SampleStoreStatus {
    const names = new Set([...this.#opened.map((stream) => stream.interface), ...this.#samplers.keys()]);
    const interfaces = [...names].sort().map((name) => this.#interfaceStatus(name));
    return {
      segments: this.#ring.count,
      unindexed: this.#indexer.backlog,
      bytes: this.#ring.bytes + this.#openBytes(),
      ...span(interfaces),
      interfaces,
    };
  }

  evict(): Promise<void> {
    return this.#ring.evict(this.#openBytes(), this.#options.clock.monotonic());
  }

  close(): Promise<void> {
    this.#closed ??= this.#closeAll();
    return this.#closed;
  }

  async #closeAll(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([...this.#samplers.keys()].map((name) => this.stopSampling(name)));
    await Promise.allSettled(this.#lookbacks);
    await Promise.allSettled(this.#counting);
    await Promise.all([this.#pool.close(), this.#indexer.close()]);
    await this.evict();
  }

  async #lookBack(query: LookbackQuery): Promise<LookbackAnswer> {
    const prepared = prepareLookback(query, await this.#view(query));
    try {
      const { result, counted } = await this.#pool.find(prepared.job, prepared.count, query.signal);
      this.#heed(result.found, prepared.streams);
      const { truncated } = result;
      const counting = counted.then((counts) => prepared.counts(counts ?? { streams: [], truncated }));
      // Its files are read until then.
      this.#counting.add(counting);
      void counting.finally(() => {
        this.#counting.delete(counting);
        prepared.close();
      });
      return { ...prepared.answer(result), counted: counting };
    } catch (error) {
      prepared.close();
      throw error;
    }
  }

  async #tally(query: TallyQuery): Promise<TallyAnswer> {
    const prepared = prepareTally(query, await this.#view(query), randomBytes(4).readUInt32LE());
    try {
      const result = await this.#pool.tally(prepared.job, query.signal);
      this.#heed(result.found, prepared.streams);
      return prepared.answer(result);
    } finally {
      prepared.close();
    }
  }

  /** What there is for a query to read, once all that it asks for is visible, or ought to be. */
  async #view(query: Omit<LookbackQuery, 'packet_limit'>): Promise<LookbackView> {
    const { interface: name, to, formula, inner, signal } = query;
    const isWanted = (of: { readonly interface: string }): boolean => name === undefined || of.interface === name;
    const samplers = (): InterfaceSampler[] => [...this.#samplers.values()].filter(isWanted);
    await this.#untilVisible(samplers, to, signal);
    signal?.throwIfAborted();
    const view = (): Omit<LookbackView, 'growing'> => ({
      streams: this.#opened.filter(isWanted),
      samplers: samplers(),
      // The clock is cut to milliseconds, and the counts are looked at a moment later.
      now: this.#options.clock.now() + second_ns,
    });
    if (!touchesGrowing(query, view())) return { ...view(), growing: new Map() };
    const growing = await this.#indexer.ask({ formula, ...(inner === undefined ? {} : { inner: inner.formula }) });
    signal?.throwIfAborted();
    return { ...view(), growing };
  }

  /** Waits for the samplers that are at work, not for those whose interface is away. */
  async #untilVisible(
    samplers: () => readonly InterfaceSampler[],
    time: TimeNs,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { clock } = this.#options;
    const deadline = clock.monotonic() + BigInt(limits.lookback_answer_ms) * 1_000_000n;
    const behind = (): boolean =>
      samplers().some(({ state }) => state.phase === 'sampling' && (state.watermark ?? 0n) < time);
    while (behind() && clock.monotonic() < deadline) {
      signal?.throwIfAborted();
      await clock.sleep(poll_ms);
    }
  }

  async #stream(interface_name: string, linktype: number): Promise<Stream> {
    const { directory } = this.#options;
    await this.#prepare();
    const name = { interface: interface_name, linktype };
    const key = streamDirectory(name);
    const path = join(directory, key);
    // Again, where it was there before: somebody may have removed it.
    const made = await mkdir(path, { recursive: true, mode: 0o700 });
    if (made !== undefined) await syncDirectory(directory);
    const known = this.#streams.get(key);
    if (known !== undefined) return (await known).stream;
    const opening = this.#openStream({ ...name, directory: path });
    this.#keep(key, opening);
    return (await opening).stream;
  }

  #keep(key: string, opening: Promise<OpenedHere>): void {
    this.#streams.set(key, opening);
    opening.catch(() => this.#streams.delete(key));
  }

  async #openStream({ directory, ...name }: StreamName & { readonly directory: string }): Promise<OpenedHere> {
    const { clock, report } = this.#options;
    const found = await openStream({ stream: name, directory, clock, boot: this.#boot, report });
    const stream: Stream = { ...name, directory, sealed: [], next_number: found.next_number };
    for (const segment of found.sealed) this.#ring.add(stream, segment);
    this.#opened.push(stream);
    this.#opened.sort(compareStreams);
    return { stream, foreign: found.foreign };
  }

  /** Each stream's in the order of their numbers: what an earlier process left, before what comes. */
  #indexWhatIsNot(): void {
    for (const stream of this.#opened) {
      for (const segment of stream.sealed) {
        if (segment.index_bytes === undefined) this.#indexer.seal(stream, segment, false);
      }
    }
  }

  /** An index whose segment went in the meantime goes too. */
  #indexed(stream: Stream, segment: SealedSegment, bytes: number): void {
    if (this.#ring.indexed(segment, bytes)) return;
    const path = join(stream.directory, segmentFiles(segment.number).index);
    rm(path, { force: true }).catch((error: unknown) => {
      this.#options.report(fault('samples_write_failed', { reason: String(error) }));
    });
  }

  /** Tells of damage, once, and has a bad index made again. */
  #heed(found: readonly FoundDamage[], streams: readonly Stream[]): void {
    for (const { stream: index, segment: number, what, reason, version } of found) {
      const stream = streams[index];
      const segment = stream?.sealed.find((one) => one.number === number);
      if (stream === undefined || (segment === undefined && !this.#isOpen(stream, number))) continue;
      if (what === 'packets') this.#packetsDamaged(stream, number, reason);
      // Another look-back may have found the same.
      else if (segment?.index_bytes !== undefined) this.#indexDamaged(stream, segment, reason, version);
    }
  }

  #isOpen(stream: Stream, number: number): boolean {
    return [...this.#samplers.values()].some(({ open }) =>
      open.some((one) => one.stream === stream && one.number === number),
    );
  }

  #indexDamaged(stream: Stream, segment: SealedSegment, reason: string, version: number | undefined): void {
    this.#ring.indexed(segment, undefined);
    const label = segmentLabel(stream, segment.number);
    if (version !== undefined) return this.#options.report(fault('segment_newer', { segment: label, version }));
    this.#options.report(fault('segment_index_damaged', { segment: label, reason }));
    this.#indexer.seal(stream, segment, true);
  }

  #packetsDamaged(stream: Stream, number: number, reason: string): void {
    const label = segmentLabel(stream, number);
    if (this.#damaged.has(label)) return;
    this.#damaged.add(label);
    this.#options.report(fault('segment_packets_damaged', { segment: label, reason }));
  }

  /** All interfaces whose rate adapts may keep the same. */
  #shareBudget(): void {
    const adapting = [...this.#samplers.values()].filter(({ adapts }) => adapts);
    const share = Math.floor((this.#options.budget_pps ?? 0) / adapting.length);
    for (const sampler of adapting) sampler.budget_pps = Math.max(1, share);
  }

  #segmentLimit(): number {
    const share = Math.floor(this.#options.byte_budget / 4 / Math.max(1, this.#samplers.size));
    return Math.max(segment_least_bytes, Math.min(this.#options.segment_bytes ?? segment_most_bytes, share));
  }

  #openBytes(): number {
    let bytes = 0;
    for (const { state, open } of this.#samplers.values()) {
      for (const { slot } of open) bytes += state.content(slot).length;
    }
    return bytes;
  }

  async #makeRoom(): Promise<number> {
    const segments = await this.#ring.makeRoom(room_bytes);
    this.#evicted_for_room += segments;
    const now = this.#options.clock.monotonic();
    if (now - this.#full_reported > full_report_interval_ns) {
      this.#options.report(fault('samples_disk_full', { segments: this.#evicted_for_room }));
      [this.#full_reported, this.#evicted_for_room] = [now, 0];
    }
    return segments;
  }

  async #evictNow(): Promise<void> {
    try {
      // Told at the start, and by those who sample.
      await this.#prepare().catch(() => undefined);
      await Promise.all([...this.#samplers.values()].map(async (sampler) => await sampler.lookAtFiles()));
      await this.evict();
    } catch (error) {
      this.#options.report(fault('samples_write_failed', { reason: String(error) }));
    }
  }

  #interfaceStatus(name: string): InterfaceStatus {
    const sealed = this.#opened.filter((stream) => stream.interface === name).flatMap((stream) => stream.sealed);
    const sampler = this.#samplers.get(name);
    const open = sampler === undefined ? [] : sampler.open.map(({ slot }) => sampler.state.content(slot));
    const bytes =
      sealed.reduce((sum, segment) => sum + segment.disk_bytes, 0) + open.reduce((sum, { length }) => sum + length, 0);
    const times = [...sealed, ...open].flatMap(({ least, greatest }) =>
      least === undefined || greatest === undefined ? [] : [{ oldest: least, newest: greatest }],
    );
    return {
      interface: name,
      bytes,
      ...span(times),
      ...(sampler === undefined ? {} : { sampling: sampler.status() }),
    };
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function span(parts: readonly { readonly oldest?: TimeNs; readonly newest?: TimeNs }[]): {
  oldest?: TimeNs;
  newest?: TimeNs;
} {
  let oldest: TimeNs | undefined;
  let newest: TimeNs | undefined;
  for (const part of parts) {
    if (part.oldest !== undefined && (oldest === undefined || part.oldest < oldest)) oldest = part.oldest;
    if (part.newest !== undefined && (newest === undefined || part.newest > newest)) newest = part.newest;
  }
  return oldest === undefined || newest === undefined ? {} : { oldest, newest };
}
