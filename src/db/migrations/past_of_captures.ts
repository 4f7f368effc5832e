import type { Kysely, Migration } from 'kysely';

/** Full captures that look back: when each part armed, by which clock, and the samples from before that. */
export const pastOfCaptures: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    // SQLite adds one column at a time.
    await db.schema.alterTable('captures').addColumn('packets_past', 'bigint').execute();
    for (const [name, type] of [
      ['armed_at', 'bigint'],
      ['clock_offset', 'bigint'],
      ['past', 'text'],
    ] as const) {
      await db.schema.alterTable('parts').addColumn(name, type).execute();
    }
  },
};
