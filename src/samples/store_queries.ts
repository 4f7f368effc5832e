import { randomBytes } from 'node:crypto';
import { raise } from '../model/errors/fault.ts';
import { FairTurns } from '../model/fair_turns.ts';
import { limits } from '../model/limits.ts';
import type { TimeNs } from '../model/time.ts';
import type { SampleClock } from './clock.ts';
import type { Indexer } from './indexer.ts';
import type { InterfaceSampler } from './interface_sampler.ts';
import {
  type LookbackAnswer,
  type LookbackQuery,
  type LookbackView,
  prepareLookback,
  touchesGrowing,
} from './lookback.ts';
import { prepareTally } from './prepare_tally.ts';
import type { FoundDamage } from './scan_job.ts';
import { ScanPool } from './scan_pool.ts';
import type { Stream } from './stream.ts';
import type { TallyAnswer, TallyQuery } from './tally.ts';

/** What answering takes. */
export interface StoreQueriesPorts {
  readonly clock: SampleClock;
  readonly indexer: Pick<Indexer, 'ask'>;
  /** Look-backs at one time; of each owner one fewer. */
  readonly limit: number;
  /** Those that there are now. */
  streams(): readonly Stream[];
  samplers(): readonly InterfaceSampler[];
  /** Hears what damage was found. */
  heed(found: readonly FoundDamage[], streams: readonly Stream[]): void;
}

const poll_ms = 10;
const second_ns = 1_000_000_000n;

/** Answers questions about samples, so many at one time, in threads of its own. */
export class StoreQueries {
  readonly #ports: StoreQueriesPorts;
  readonly #pool = new ScanPool();
  readonly #turns: FairTurns;
  readonly #limit_of_owner: number;
  readonly #answering = new Set<Promise<unknown>>();
  /** What counts on after look-backs have been answered. */
  readonly #counting = new Set<Promise<unknown>>();
  #closed = false;

  constructor(ports: StoreQueriesPorts) {
    this.#ports = ports;
    const { limit: total } = ports;
    const per_owner = Math.max(1, total - 1);
    this.#limit_of_owner = per_owner;
    this.#turns = new FairTurns({ total, per_owner, waiting_per_owner: per_owner });
  }

  /** Has its threads ready for the first question. */
  warm(): void {
    this.#pool.warm();
  }

  /** As the store's `query`. */
  async lookBack(query: LookbackQuery): Promise<LookbackAnswer> {
    const { packet_limit } = query;
    if (!Number.isInteger(packet_limit) || packet_limit < 1 || packet_limit > limits.packets_max) {
      throw new RangeError(`a packet limit of ${packet_limit} cannot be`);
    }
    return await this.#inTurn(query, () => this.#lookBack(query));
  }

  /** As the store's `tally`. */
  async tally(query: TallyQuery): Promise<TallyAnswer> {
    return await this.#inTurn(query, () => this.#tally(query));
  }

  /** Takes no more questions: what waits is refused with `samples_closed`. */
  refuse(): void {
    this.#closed = true;
  }

  /** Resolves when all that was asked is answered and counted. */
  async answered(): Promise<void> {
    await Promise.allSettled(this.#answering);
    await Promise.allSettled(this.#counting);
  }

  /** Ends its threads. */
  async close(): Promise<void> {
    await this.#pool.close();
  }

  /** Runs a look-back when its turn has come, unless too many of its owner wait. */
  async #inTurn<Answer>(
    { owner = '', signal }: Pick<LookbackQuery, 'owner' | 'signal'>,
    run: () => Promise<Answer>,
  ): Promise<Answer> {
    if (this.#closed) raise('samples_closed');
    const open = async (): Promise<Answer> => (this.#closed ? raise('samples_closed') : await run());
    const busy = (): never => raise('lookback_busy', { limit: this.#limit_of_owner });
    const answer = this.#turns.take(owner, open, busy, signal);
    this.#answering.add(answer);
    try {
      return await answer;
    } finally {
      this.#answering.delete(answer);
    }
  }

  async #lookBack(query: LookbackQuery): Promise<LookbackAnswer> {
    const prepared = prepareLookback(query, await this.#view(query));
    try {
      const { result, counted } = await this.#pool.find(prepared.job, prepared.count, query.signal);
      this.#ports.heed(result.found, prepared.streams);
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
      this.#ports.heed(result.found, prepared.streams);
      return prepared.answer(result);
    } finally {
      prepared.close();
    }
  }

  /** What there is for a query to read, once all that it asks for is visible, or ought to be. */
  async #view(query: Omit<LookbackQuery, 'packet_limit'>): Promise<LookbackView> {
    const { clock, indexer } = this.#ports;
    const { interface: name, to, formula, inner, signal } = query;
    const isWanted = (of: { readonly interface: string }): boolean => name === undefined || of.interface === name;
    const samplers = (): InterfaceSampler[] => this.#ports.samplers().filter(isWanted);
    await this.#untilVisible(samplers, to, signal);
    signal?.throwIfAborted();
    const view = (): Omit<LookbackView, 'growing'> => ({
      streams: this.#ports.streams().filter(isWanted),
      samplers: samplers(),
      // The clock is cut to milliseconds, and the counts are looked at a moment later.
      now: clock.now() + second_ns,
    });
    if (!touchesGrowing(query, view())) return { ...view(), growing: new Map() };
    const growing = await indexer.ask({ formula, ...(inner === undefined ? {} : { inner: inner.formula }) });
    signal?.throwIfAborted();
    return { ...view(), growing };
  }

  /** Waits for the samplers that are at work, not for those whose interface is away. */
  async #untilVisible(
    samplers: () => readonly InterfaceSampler[],
    time: TimeNs,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { clock } = this.#ports;
    const deadline = clock.monotonic() + BigInt(limits.lookback_answer_ms) * 1_000_000n;
    const behind = (): boolean =>
      samplers().some(({ state }) => state.phase === 'sampling' && (state.watermark ?? 0n) < time);
    while (behind() && clock.monotonic() < deadline) {
      signal?.throwIfAborted();
      await clock.sleep(poll_ms);
    }
  }
}
