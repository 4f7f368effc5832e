import { countAudit } from '../../db/audit.ts';
import type { Database } from '../../db/database.ts';
import type { Actor } from '../audit.ts';
import type { AuditBook } from '../audit_book.ts';

const window_ms = 60_000;

/** Downloads of one file by one principal within a minute. */
interface Repeats {
  readonly until_ms: number;
  /** The row's id, once it is committed. */
  readonly row: Promise<string>;
  times: number;
  /** How many of them the row has, or is to have once it is committed. */
  written: number;
}

/** What the audit of downloads takes. */
export interface DownloadAuditDeps {
  readonly db: Database;
  readonly audit: AuditBook;
  /** Milliseconds that never go back. */
  readonly monotonic: () => number;
}

/**
 * Writes downloads into the audit: those of one file by one principal within a minute are one row, with their number. The row is
 * committed before the first of them begins; the number follows with `flush`.
 */
export class DownloadAudit {
  readonly #deps: DownloadAuditDeps;
  /** By principal and capture, in the order of their ends. */
  readonly #lately = new Map<string, Repeats>();
  readonly #unwritten = new Set<Repeats>();

  constructor(deps: DownloadAuditDeps) {
    this.#deps = deps;
  }

  /** A principal is about to download a capture's file. Returns once that is written down. */
  async note(actor: Actor, capture_id: string, filename: string): Promise<void> {
    const now_ms = this.#deps.monotonic();
    for (const [key, { until_ms }] of this.#lately) {
      if (until_ms > now_ms) break;
      this.#lately.delete(key);
    }
    const key = `${actor.principal_id} ${capture_id}`;
    const known = this.#lately.get(key);
    if (known !== undefined) {
      await known.row;
      known.times += 1;
      this.#unwritten.add(known);
      return;
    }
    const row = this.#write(actor, capture_id, filename);
    this.#lately.set(key, { until_ms: now_ms + window_ms, row, times: 1, written: 1 });
    await row.catch((error: unknown) => {
      this.#lately.delete(key);
      throw error;
    });
  }

  /** Writes down how many there were. */
  async flush(): Promise<void> {
    if (this.#unwritten.size === 0) return;
    const counted = await Promise.all([...this.#unwritten].map(async (one) => ({ one, id: await one.row })));
    const written = counted.map(({ one, id }) => ({ one, id, times: one.times }));
    await this.#deps.db.transaction(async (tx) => {
      for (const { one, id, times } of written) await countAudit(tx, id, times - one.written);
    });
    for (const { one, times } of written) {
      one.written = times;
      if (one.times === times) this.#unwritten.delete(one);
    }
  }

  async #write(actor: Actor, capture_id: string, filename: string): Promise<string> {
    const entry = { action: 'capture.download', subject: capture_id, detail: filename } as const;
    return await this.#deps.db.transaction(async (tx) => await this.#deps.audit.write(tx, actor, entry));
  }
}
