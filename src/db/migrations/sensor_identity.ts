import type { Kysely, Migration } from 'kysely';

/** What a sensor is whatever it is called, what it was called before, and when it has said good-bye. */
export const sensorIdentity: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema.alterTable('sensors').addColumn('sensor_id', 'text').execute();
    await db.schema.alterTable('sensors').addColumn('earlier_names', 'text').execute();
    await db.schema.alterTable('sensors').addColumn('left_at', 'bigint').execute();
  },
};
