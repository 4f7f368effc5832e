import type { Kysely, Migration } from 'kysely';

/** When a part began by the database's clock, beside what its host's clock showed. */
export const beginningOfParts: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema.alterTable('parts').addColumn('began_at', 'bigint').execute();
  },
};
