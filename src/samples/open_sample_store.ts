import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fault, raise } from '../model/errors/fault.ts';
import { limits } from '../model/limits.ts';
import { bootId } from './boot_id.ts';
import { DamageReports } from './damage_reports.ts';
import { Indexer } from './indexer.ts';
import { interfaceStatus } from './interface_status.ts';
import type { LookbackAnswer, LookbackQuery } from './lookback.ts';
import { SampleRoom } from './sample_room.ts';
import type { SampleStore, SampleStoreOptions, SampleStoreStatus, StartSampling } from './sample_store.ts';
import { SamplerSet } from './sampler_set.ts';
import type { SealedSegment } from './sealed_segment.ts';
import { segmentFiles } from './segment_name.ts';
import { SegmentRing } from './segment_ring.ts';
import { StoreQueries } from './store_queries.ts';
import { StoredStreams } from './stored_streams.ts';
import type { Stream } from './stream.ts';
import type { TallyAnswer, TallyQuery } from './tally.ts';
import { timeSpan } from './time_span.ts';

const evict_interval_ms = 1000;
const second_ns = 1_000_000_000n;
/** The longest window, and a minute. */
const age_margin_s = limits.simple_time_max_s + 60;

/** Opens a store and brings it into order after whatever end it had; see docs/formats/segments.md. */
export async function openSampleStore(options: SampleStoreOptions): Promise<SampleStore> {
  const store = new DiskStore(options);
  await store.open();
  return store;
}

class DiskStore implements SampleStore {
  readonly #options: SampleStoreOptions;
  readonly #ring: SegmentRing;
  readonly #indexer: Indexer;
  readonly #damage: DamageReports;
  readonly #streams: StoredStreams;
  readonly #samplers: SamplerSet;
  readonly #queries: StoreQueries;
  #timer: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: SampleStoreOptions) {
    this.#options = options;
    const { directory, clock, report, byte_budget } = options;
    const boot = bootId();
    const age_limit_ns = BigInt((options.age_limit_s ?? limits.lookback_max_s) + age_margin_s) * second_ns;
    const ring = new SegmentRing({ age_limit_ns, byte_budget });
    this.#ring = ring;
    const room = new SampleRoom({ ring, clock, report });
    const makeRoom = async (): Promise<number> => await room.make();
    this.#indexer = new Indexer({
      clock,
      report,
      makeRoom,
      indexed: (stream, segment, bytes) => this.#indexed(stream, segment, bytes),
      damaged: (stream, number, reason) => this.#damage.packets(stream, number, reason),
    });
    this.#streams = new StoredStreams({
      directory,
      clock,
      boot,
      ring,
      report,
      takenIn: () => this.#indexWhatIsNot(),
    });
    this.#samplers = new SamplerSet(options, {
      clock,
      report,
      boot,
      makeRoom,
      sealed: (stream, segment) => {
        ring.add(stream, segment);
        this.#indexer.seal(stream, segment, true);
      },
      lost: (stream, number) => this.#indexer.forget(stream, number),
      growing: ({ stream, number, slot }, state) => this.#indexer.follow(stream, number, state.buffer, slot),
      openStream: async (name, linktype) => await this.#streams.stream(name, linktype),
    });
    this.#damage = new DamageReports({
      ring,
      report,
      open: () => this.#samplers.open(),
      index: (stream, segment) => this.#indexer.seal(stream, segment, true),
    });
    this.#queries = new StoreQueries({
      clock,
      indexer: this.#indexer,
      limit: options.lookback_limit ?? 5,
      streams: () => this.#streams.opened,
      samplers: () => this.#samplers.all,
      heed: (found, streams) => this.#damage.heed(found, streams),
    });
  }

  async open(): Promise<void> {
    try {
      await this.#streams.prepare();
    } catch (error) {
      // The disk may come right. Until then there is no past, and nothing else has to wait.
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.report(fault('samples_write_failed', { reason }));
    }
    this.#queries.warm();
    this.#timer = setInterval(() => void this.#evictNow(), evict_interval_ms).unref();
  }

  async startSampling(what: StartSampling): Promise<void> {
    if (this.#closed !== undefined) raise('samples_closed');
    await this.#samplers.start(what);
  }

  async stopSampling(interface_name: string): Promise<void> {
    await this.#samplers.stop(interface_name);
  }

  async query(query: LookbackQuery): Promise<LookbackAnswer> {
    return await this.#queries.lookBack(query);
  }

  async tally(query: TallyQuery): Promise<TallyAnswer> {
    return await this.#queries.tally(query);
  }

  linktypes(): readonly number[] {
    return [...new Set(this.#streams.opened.map(({ linktype }) => linktype))].sort((a, b) => a - b);
  }

  status(): SampleStoreStatus {
    const streams = this.#streams.opened;
    const names = new Set([...streams.map((stream) => stream.interface), ...this.#samplers.names]);
    const interfaces = [...names].sort().map((name) => interfaceStatus(name, streams, this.#samplers.of(name)));
    return {
      segments: this.#ring.count,
      unindexed: this.#indexer.backlog,
      bytes: this.#ring.bytes + this.#samplers.open_bytes,
      ...timeSpan(interfaces),
      interfaces,
    };
  }

  evict(): Promise<void> {
    return this.#ring.evict(this.#samplers.open_bytes, this.#options.clock.monotonic());
  }

  close(): Promise<void> {
    this.#closed ??= this.#closeAll();
    return this.#closed;
  }

  async #closeAll(): Promise<void> {
    this.#queries.refuse();
    clearInterval(this.#timer);
    await Promise.all(this.#samplers.names.map((name) => this.stopSampling(name)));
    await this.#queries.answered();
    await Promise.all([this.#queries.close(), this.#indexer.close()]);
    await this.evict();
  }

  /** Each stream's in the order of their numbers: what an earlier process left, before what comes. */
  #indexWhatIsNot(): void {
    for (const stream of this.#streams.opened) {
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

  async #evictNow(): Promise<void> {
    try {
      // Told at the start, and by those who sample.
      await this.#streams.prepare().catch(() => undefined);
      await Promise.all(this.#samplers.all.map(async (sampler) => await sampler.lookAtFiles()));
      await this.evict();
    } catch (error) {
      this.#options.report(fault('samples_write_failed', { reason: String(error) }));
    }
  }
}
