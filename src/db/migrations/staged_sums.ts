import type { Kysely, Migration } from 'kysely';

/** What the parts in the staging area were when they were written. */
export const stagedSums: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema.alterTable('uploads').addColumn('sums', 'text').execute();
  },
};
