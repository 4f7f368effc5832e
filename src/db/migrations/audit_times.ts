import type { Kysely, Migration } from 'kysely';

/** How many times what a row tells of was done, and an index for removing rows that are old. */
export const auditTimes: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .alterTable('audit')
      .addColumn('times', 'bigint', (column) => column.notNull().defaultTo(1))
      .execute();
    await db.schema.createIndex('audit_by_time').on('audit').columns(['at']).execute();
  },
};
