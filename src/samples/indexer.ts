import type { Worker } from 'node:worker_threads';
import { startThread } from '../libpcap/start_thread.ts';
import type { IndexFormula } from '../filter/index_formula.ts';
import { type Fault, fault, FaultError } from '../model/errors/fault.ts';
import type { SampleClock } from './clock.ts';
import type { FromIndexer, SegmentToIndex, ToIndexer } from './index_messages.ts';
import type { GrowingIndex } from './scan_job.ts';
import type { SealedSegment } from './sealed_segment.ts';
import { segmentLabel } from './segment_label.ts';
import type { Stream } from './stream.ts';

/** What the indexer needs of the store. */
export interface IndexerPorts {
  readonly clock: SampleClock;
  report(fault: Fault): void;
  /** Evicts old segments; gives how many. */
  makeRoom(): Promise<number>;
  /** A segment has an index file of so many bytes now. */
  indexed(stream: Stream, segment: SealedSegment, bytes: number): void;
  /** The packets of a segment cannot be read to the end. */
  damaged(stream: Stream, number: number, reason: string): void;
}

/** What a query's question to the indexer is about. */
export interface IndexQuestion {
  readonly formula: IndexFormula;
  readonly inner?: IndexFormula;
}

interface Work {
  readonly stream: Stream;
  readonly number: number;
  readonly follow?: { readonly state: SharedArrayBuffer; readonly slot: number };
  segment?: SealedSegment;
  soon?: boolean;
  tries: number;
}

const answer_patience_ms = 100;
const closing_patience_ms = 5000;
const relaunch_ms = 1000;
const write_tries = 3;

/** Indexes segments in a thread of its own: as they grow, when they are sealed, and those that were found without an index. */
export class Indexer {
  readonly #ports: IndexerPorts;
  readonly #work = new Map<number, Work>();
  readonly #questions = new Map<number, (growing: readonly (readonly [number, GrowingIndex])[]) => void>();
  #worker: Worker | undefined;
  #next_key = 1;
  #next_question = 1;
  #closing = false;
  #idle: (() => void) | undefined;

  constructor(ports: IndexerPorts) {
    this.#ports = ports;
    this.#launch();
  }

  /** Sealed segments that have no index yet. */
  get backlog(): number {
    return [...this.#work.values()].filter(({ segment }) => segment !== undefined).length;
  }

  /** Indexes a segment as it grows. */
  follow(stream: Stream, number: number, state: SharedArrayBuffer, slot: number): void {
    this.#begin({ stream, number, follow: { state, slot }, tries: 0 });
  }

  /** Indexes a segment to its end and writes the index; `soon`: the end of this waits for it a while. */
  seal(stream: Stream, segment: SealedSegment, soon: boolean): void {
    if (segment.records === 0) return this.forget(stream, segment.number);
    const key = this.#keyOf(stream, segment.number) ?? this.#begin({ stream, number: segment.number, tries: 0 });
    const work = this.#work.get(key);
    if (work === undefined) return;
    work.segment = segment;
    work.soon = soon;
    this.#tellSeal(key, work);
  }

  /** A segment was removed, or will not be written any more. */
  forget(stream: Stream, number: number): void {
    const key = this.#keyOf(stream, number);
    if (key === undefined) return;
    this.#work.delete(key);
    this.#tell({ kind: 'forget', key });
    this.#settle();
  }

  /**
   * What the segments that have no index file yet have to say to a query, by `segmentLabel`. Where the indexer is too busy to
   * answer at once nothing comes: then they are read whole.
   */
  async ask(question: IndexQuestion): Promise<ReadonlyMap<string, GrowingIndex>> {
    if (this.#work.size === 0 || this.#worker === undefined) return new Map();
    const id = this.#next_question;
    this.#next_question += 1;
    const patience = new AbortController();
    const answer = await Promise.race([
      new Promise<readonly (readonly [number, GrowingIndex])[]>((resolve) => {
        this.#questions.set(id, resolve);
        this.#tell({ kind: 'ask', id, ...question });
      }),
      this.#ports.clock.sleep(answer_patience_ms, patience.signal).then(() => []),
    ]);
    patience.abort();
    this.#questions.delete(id);
    return new Map(
      answer.flatMap(([key, growing]) => {
        const work = this.#work.get(key);
        return work === undefined ? [] : [[segmentLabel(work.stream, work.number), growing] as const];
      }),
    );
  }

  /** Finishes what was sealed just now, within a few seconds, and ends. What is left gets its index at the next start. */
  async close(): Promise<void> {
    const soon = (): boolean =>
      [...this.#work.values()].some((work) => work.segment !== undefined && work.soon === true);
    const patience = new AbortController();
    const late = this.#ports.clock.sleep(closing_patience_ms, patience.signal);
    while (soon() && this.#worker !== undefined) {
      const settled = new Promise<'settled'>((resolve) => {
        this.#idle = () => resolve('settled');
      });
      if ((await Promise.race([settled, late.then(() => 'late' as const)])) === 'late') break;
    }
    patience.abort();
    this.#closing = true;
    await this.#stop();
  }

  async #stop(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    worker.ref();
    this.#tell({ kind: 'stop' });
    const patience = new AbortController();
    await Promise.race([exited, this.#ports.clock.sleep(closing_patience_ms, patience.signal)]);
    patience.abort();
    await worker.terminate();
  }

  #begin(work: Work): number {
    const key = this.#next_key;
    this.#next_key += 1;
    this.#work.set(key, work);
    this.#tellFollow(key, work);
    return key;
  }

  #keyOf(stream: Stream, number: number): number | undefined {
    for (const [key, work] of this.#work) if (work.stream === stream && work.number === number) return key;
    return undefined;
  }

  #tellFollow(key: number, work: Work): void {
    if (work.follow !== undefined) this.#tell({ kind: 'follow', segment: toIndex(key, work), ...work.follow });
  }

  #tellSeal(key: number, work: Work): void {
    const { segment } = work;
    if (segment !== undefined) this.#tell({ kind: 'seal', segment: toIndex(key, work), length: segment.length });
  }

  #tell(message: ToIndexer): void {
    this.#worker?.postMessage(message, []);
  }

  #launch(): void {
    let worker: Worker;
    try {
      worker = startThread(new URL('./index_worker.ts', import.meta.url), { execArgv: [], name: 'edgetap-index' });
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      return void this.#afterExit(error.message);
    }
    this.#worker = worker;
    // A store that nobody closes does not keep the process alive.
    worker.unref();
    worker.on('message', (message: FromIndexer) => void this.#hear(message));
    let failure: unknown = 'it ended';
    worker.on('error', (error) => {
      failure = error;
    });
    worker.on('exit', () => void this.#afterExit(failure));
    for (const [key, work] of this.#work) {
      if (work.segment === undefined) this.#tellFollow(key, work);
      this.#tellSeal(key, work);
    }
  }

  async #afterExit(failure: unknown): Promise<void> {
    this.#worker = undefined;
    this.#settle();
    if (this.#closing) return;
    this.#ports.report(fault('indexing_interrupted', { reason: String(failure) }));
    await this.#ports.clock.sleep(relaunch_ms);
    if (!this.#closing) this.#launch();
  }

  async #hear(message: FromIndexer): Promise<void> {
    if (message.kind === 'answer') {
      this.#questions.get(message.id)?.(message.growing);
      return;
    }
    const work = this.#work.get(message.key);
    if (work === undefined) return;
    if (message.kind === 'failed') return await this.#afterFailure(message, work);
    this.#work.delete(message.key);
    if (work.segment !== undefined) this.#ports.indexed(work.stream, work.segment, message.bytes);
    this.#settle();
  }

  /** A full disk gives way a few times; whatever else fails is told, and the segment has no index. */
  async #afterFailure({ key, reason, cause }: FromIndexer & { readonly kind: 'failed' }, work: Work): Promise<void> {
    work.tries += 1;
    if (cause === 'full' && work.tries < write_tries && (await this.#ports.makeRoom()) > 0 && this.#work.has(key)) {
      return this.#tellSeal(key, work);
    }
    this.#work.delete(key);
    this.#settle();
    // It was evicted in the meantime.
    if (work.segment !== undefined && !work.stream.sealed.includes(work.segment)) return;
    if (cause === 'packets') this.#ports.damaged(work.stream, work.number, reason);
    else this.#ports.report(fault('index_write_failed', { segment: segmentLabel(work.stream, work.number), reason }));
  }

  #settle(): void {
    this.#idle?.();
  }
}

function toIndex(key: number, { stream, number }: Work): SegmentToIndex {
  return { key, directory: stream.directory, number, linktype: stream.linktype };
}
