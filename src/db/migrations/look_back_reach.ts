import type { Kysely, Migration } from 'kysely';

/** How far back a look-back that its limit has cut reaches, and up to when its sensors have samples. */
export const lookBackReach: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    // SQLite adds one column at a time.
    await db.schema.alterTable('captures').addColumn('truncated', 'bigint').execute();
    await db.schema.alterTable('captures').addColumn('oldest_packet', 'bigint').execute();
    await db.schema.alterTable('parts').addColumn('samples_to', 'bigint').execute();
  },
};
