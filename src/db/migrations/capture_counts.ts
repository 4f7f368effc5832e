import { type ColumnDefinitionBuilder, type Kysely, type Migration, type RawBuilder, sql } from 'kysely';

const required = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull();

/** How many captures there are, without counting them, and lists of one kind or status, without looking at all others. */
export const captureCounts: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable('capture_counts')
      .addColumn('account_id', 'text', required)
      .addColumn('type', 'text', required)
      .addColumn('status', 'text', required)
      .addColumn('captures', 'bigint', required)
      .addPrimaryKeyConstraint('capture_counts_key', ['account_id', 'type', 'status'])
      .execute();
    await sql`insert into capture_counts (account_id, type, status, captures)
      select account_id, type, status, count(*) from captures group by account_id, type, status`.execute(db);
    const [one_more, one_less] = [oneMore(), oneLess()];
    for (const trigger of [
      sql`create trigger captures_counted after insert on captures begin ${one_more} end`,
      sql`create trigger captures_uncounted after delete on captures begin ${one_less} end`,
      sql`create trigger captures_recounted after update of status on captures when old.status <> new.status
        begin ${one_less} ${one_more} end`,
    ]) {
      await trigger.execute(db);
    }
    await db.schema
      .createIndex('captures_by_kind')
      .on('captures')
      .columns(['account_id', 'type', 'status', 'submitted', 'id'])
      .execute();
    await db.schema
      .createIndex('ownerships_of_account')
      .on('ownerships')
      .columns(['account_id', 'submitted', 'id'])
      .where(sql.ref('removed_at'), 'is', null)
      .execute();
  },
};

function oneMore(): RawBuilder<unknown> {
  return sql`insert into capture_counts (account_id, type, status, captures) values (new.account_id, new.type, new.status, 1)
    on conflict (account_id, type, status) do update set captures = captures + 1;`;
}

function oneLess(): RawBuilder<unknown> {
  return sql`update capture_counts set captures = captures - 1
    where account_id = old.account_id and type = old.type and status = old.status;`;
}
