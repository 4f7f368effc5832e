import type { PartReport } from '../wire/bus_fields.ts';
import { partKey } from './part_state.ts';

/** A report before it is numbered. */
export type PartNews = Omit<PartReport, 'sequence'>;

interface Entry {
  report: PartReport;
  committed: number;
  waiting: { readonly sequence: number; resolve(): void }[];
}

/** Reports on their way to control: of each part only the newest counts, and it is sent until control has committed it. */
export class Outbox {
  readonly #entries = new Map<string, Entry>();
  readonly #urgent: () => void;

  /** `urgent` is called when something should be told at once: a part's phase has changed, or somebody waits. */
  constructor(urgent: () => void) {
    this.#urgent = urgent;
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

  /** What control has not committed yet, the oldest first. */
  pending(): readonly PartReport[] {
    return [...this.#entries.values()].flatMap((entry) =>
      entry.committed < entry.report.sequence ? [entry.report] : [],
    );
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
    const report: PartReport = { ...news, sequence: (before?.report.sequence ?? 0) + 1 };
    const entry: Entry = before ?? { report, committed: 0, waiting: [] };
    const changed = before === undefined || before.report.phase !== report.phase;
    entry.report = report;
    this.#entries.set(key, entry);
    if (changed) this.#urgent();
    return entry;
  }
}
