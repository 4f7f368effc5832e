import type { Kysely, Migration } from 'kysely';

/** What sampled packets stand for: a count beside the sampling rate, of captures and of their parts. */
export const packetsEstimated: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema.alterTable('captures').addColumn('packets_estimated', 'bigint').execute();
    await db.schema.alterTable('parts').addColumn('packets_estimated', 'bigint').execute();
  },
};
