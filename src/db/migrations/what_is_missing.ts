import type { Kysely, Migration } from 'kysely';

/** What of a result is or may be missing: of captures a bound of the losses, of parts that, the reasons, and what samples cover. */
export const whatIsMissing: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    // SQLite adds one column at a time.
    await db.schema.alterTable('captures').addColumn('packets_dropped_is_upper_bound', 'bigint').execute();
    for (const [name, type] of [
      ['dropped_is_upper_bound', 'bigint'],
      ['missing', 'text'],
      ['note', 'text'],
      ['covered', 'text'],
      ['samples_from', 'bigint'],
    ] as const) {
      await db.schema.alterTable('parts').addColumn(name, type).execute();
    }
  },
};
