import type { PartReport } from '../wire/bus_fields.ts';
import { partKey } from './part_state.ts';

/** A report before it is numbered and sent. */
export interface PartNews extends Omit<PartReport, 'sequence' | 'armed_ago_ns'> {
  /** When this process armed the part, by the monotonic clock: control hears how long ago that was. */
  readonly armed_monotonic?: bigint;
}

interface Entry {
  report: PartNews & Pick<PartReport, 'sequence'>;
  committed: number;
  waiting: { readonly sequence: number; resolve(): void }[];
}

/** Reports on their way to control: of each part only the newest counts, and it is sent until control has committed it. */
export class Outbox {
  readonly #entries = new Map<string, Entry>();
  readonly #urgent: () => void;
  readonly #monotonic: () => bigint;

  /**
   * `urgent` is called when something should be told at once: a part's phase has changed, or somebody waits. `monotonic` is the
   * clock of the news.
   */
  constructor(urgent: () => void, monotonic: () => bigint) {
    this.#urgent = urgent;
    this.#monotonic = monotonic;
  }

  /** Puts the newest state of a part. */
  put(news: PartNews): void {
    this.#put(news);
  }

  /** Puts the newest state of a part, to be told at once; resolves once control has committed it or a newer one. */
  tell(news: PartNews): Promise<void> {
    const entry = this.#put(news);
    const { promise, resolve } = Promise.withResolvers<void>();
    entry.waiting.push({ sequence: entry.report.sequence, resolve });
    this.#urgent();
    return promise;
  }

  /** What control has not committed yet, the oldest first, as it is to be sent now. */
  pending(): readonly PartReport[] {
    const now = this.#monotonic();
    return [...this.#entries.values()].flatMap(({ committed, report }) => {
      if (committed >= report.sequence) return [];
      const { armed_monotonic, ...told } = report;
      return [armed_monotonic === undefined ? told : { ...told, armed_ago_ns: now - armed_monotonic }];
    });
  }

  /** Control has committed this report. */
  commit(captureId: string, interfaceName: string, sequence: number): void {
    const entry = this.#entries.get(partKey(captureId, interfaceName));
    if (entry === undefined || sequence <= entry.committed) return;
    entry.committed = sequence;
    for (const one of entry.waiting) if (one.sequence <= sequence) one.resolve();
    entry.waiting = entry.waiting.filter((one) => one.sequence > sequence);
  }

  /** Nothing more will be said of this part; whoever waits need not. */
  forget(captureId: string, interfaceName: string): void {
    const key = partKey(captureId, interfaceName);
    const entry = this.#entries.get(key);
    this.#entries.delete(key);
    for (const one of entry?.waiting ?? []) one.resolve();
  }

  #put(news: PartNews): Entry {
    const key = partKey(news.capture_id, news.interface);
    const before = this.#entries.get(key);
    const report = { ...news, sequence: (before?.report.sequence ?? 0) + 1 };
    const entry: Entry = before ?? { report, committed: 0, waiting: [] };
    const changed = before === undefined || before.report.phase !== report.phase;
    entry.report = report;
    this.#entries.set(key, entry);
    if (changed) this.#urgent();
    return entry;
  }
}
