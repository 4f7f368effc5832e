import { countAudit } from '../db/audit.ts';
import type { Transaction } from '../db/database.ts';
import type { LimitCounts } from '../model/limit_counts.ts';
import { type Actor, type AuditAction, type AuditEntry, type RandomBytes, writeAudit } from './audit.ts';

const day_ms = 86_400_000;
const hour_ms = 3_600_000;

/** What writing the audit of clients takes. */
export interface AuditBookDeps {
  readonly limits: LimitCounts;
  readonly random: RandomBytes;
  /** Milliseconds that never go back. */
  readonly monotonic: () => number;
}

/** How many rows an account may write with a subject of their own: as many as in a day at once, and then as they come again. */
interface Allowance {
  rows: number;
  at_ms: number;
}

/** The row in which what goes beyond is counted. */
interface Joined {
  readonly id: string;
  readonly until_ms: number;
}

/**
 * Writes what clients do into the audit. Each thing is a row, as many as an account may have in a day; what goes beyond is counted, in one
 * row of each action and token for an hour: nothing is left out, and no account fills the disk.
 */
export class AuditBook {
  readonly #deps: AuditBookDeps;
  readonly #allowances = new Map<string, Allowance>();
  /** By account, token and action. */
  readonly #joined = new Map<string, Joined>();

  constructor(deps: AuditBookDeps) {
    this.#deps = deps;
    const { limits } = deps;
    limits.measure('audit_rows', () => {
      const left = [...this.#allowances.keys()].map((account_id) => this.#allowanceOf(account_id).rows);
      return Math.ceil(limits.values.audit_rows - Math.min(limits.values.audit_rows, ...left));
    });
  }

  /** Writes it down, in the transaction of what it tells of: one does not commit without the other. Gives the id of its row. */
  async write(tx: Transaction, actor: Actor, entry: AuditEntry): Promise<string> {
    const allowance = this.#allowanceOf(actor.account_id);
    if (allowance.rows >= 1) {
      allowance.rows -= 1;
      return await writeAudit(tx, actor, entry, this.#deps.random);
    }
    this.#deps.limits.count('audit_rows');
    return await this.#join(tx, actor, entry.action);
  }

  async #join(tx: Transaction, actor: Actor, action: AuditAction): Promise<string> {
    const { limits, monotonic, random } = this.#deps;
    const now_ms = monotonic();
    for (const [key, { until_ms }] of this.#joined) if (until_ms <= now_ms) this.#joined.delete(key);
    const key = `${actor.account_id} ${actor.principal_id} ${action}`;
    const known = this.#joined.get(key);
    // One that was not committed is not there.
    if (known !== undefined && (await countAudit(tx, known.id, 1))) return known.id;
    const detail = `more than ${limits.values.audit_rows} rows of this account in a day (EDGETAP_AUDIT_ROWS): from here on they are counted, for an hour`;
    const id = await writeAudit(tx, { ...actor, address: 'any' }, { action, subject: 'any', detail }, random);
    this.#joined.set(key, { id, until_ms: now_ms + hour_ms });
    return id;
  }

  #allowanceOf(account_id: string): Allowance {
    const { limits, monotonic } = this.#deps;
    const { audit_rows: most } = limits.values;
    const now_ms = monotonic();
    const { rows, at_ms } = this.#allowances.get(account_id) ?? { rows: most, at_ms: now_ms };
    const allowance = { rows: Math.min(most, rows + ((now_ms - at_ms) / day_ms) * most), at_ms: now_ms };
    this.#allowances.set(account_id, allowance);
    return allowance;
  }
}
