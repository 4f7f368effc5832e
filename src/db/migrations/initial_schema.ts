import { type ColumnDefinitionBuilder, type Kysely, type Migration, sql } from 'kysely';

const required = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull();
const primary = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull().primaryKey();
const ofAccount = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder =>
  column.notNull().references('accounts.id').onDelete('restrict');

/** The first schema: all tables of `tables.ts`. */
export const initialSchema: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await credentials(db);
    await buckets(db);
    await captures(db);
    await fleet(db);
    await record(db);
  },
};

async function credentials(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('accounts')
    .addColumn('id', 'text', primary)
    .addColumn('name', 'text', required)
    .addColumn('created', 'bigint', required)
    .addColumn('sensors', 'text', required)
    .addColumn('networks', 'text', required)
    .execute();
  await db.schema
    .createTable('tokens')
    .addColumn('id', 'text', primary)
    .addColumn('account_id', 'text', ofAccount)
    .addColumn('name', 'text', required)
    .addColumn('hash', 'text', (column) => column.notNull().unique())
    .addColumn('permission', 'text', required)
    .addColumn('created', 'bigint', required)
    .addColumn('expires_at', 'bigint')
    .addColumn('last_used', 'bigint')
    .addColumn('revoked_at', 'bigint')
    .execute();
  await db.schema
    .createTable('users')
    .addColumn('id', 'text', primary)
    .addColumn('account_id', 'text', ofAccount)
    .addColumn('email', 'text', required)
    .addColumn('key_hash', 'text', (column) => column.notNull().unique())
    .addColumn('permission', 'text', required)
    .addColumn('created', 'bigint', required)
    .addColumn('revoked_at', 'bigint')
    .execute();
  await db.schema
    .createIndex('users_live')
    .on('users')
    .unique()
    .columns(['account_id', 'email'])
    .where(sql.ref('revoked_at'), 'is', null)
    .execute();
}

async function buckets(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('ownerships')
    .addColumn('id', 'text', primary)
    .addColumn('account_id', 'text', ofAccount)
    .addColumn('destination_conf', 'text', required)
    .addColumn('filename', 'text', required)
    .addColumn('status', 'text', required)
    .addColumn('submitted', 'bigint', required)
    .addColumn('validated', 'bigint')
    .addColumn('challenge_digest', 'text', required)
    .addColumn('sealed', 'text')
    .addColumn('removed_at', 'bigint')
    .execute();
  await db.schema
    .createIndex('ownerships_live')
    .on('ownerships')
    .unique()
    .columns(['account_id', 'destination_conf'])
    .where(sql.ref('removed_at'), 'is', null)
    .execute();
}

async function captures(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('captures')
    .addColumn('id', 'text', primary)
    .addColumn('account_id', 'text', ofAccount)
    .addColumn('principal_id', 'text', required)
    .addColumn('type', 'text', required)
    .addColumn('spec', 'text', required)
    .addColumn('scope', 'text', required)
    .addColumn('ownership_id', 'text', (column) => column.references('ownerships.id').onDelete('restrict'))
    .addColumn('status', 'text', required)
    .addColumn('submitted', 'bigint', required)
    .addColumn('armed_at', 'bigint')
    .addColumn('deadline', 'bigint')
    .addColumn('stop_requested', 'bigint')
    .addColumn('stop_cause', 'text')
    .addColumn('ended_at', 'bigint')
    .addColumn('packets_captured', 'bigint')
    .addColumn('packets_dropped', 'bigint')
    .addColumn('sample_rate', 'double precision')
    .addColumn('error_message', 'text')
    .addColumn('size_bytes', 'bigint')
    .addColumn('sha256', 'text')
    .addColumn('delivery', 'text', required)
    .addColumn('piece_bytes', 'bigint', required)
    .addColumn('version', 'bigint', required)
    .execute();
  await db.schema
    .createIndex('captures_of_account')
    .on('captures')
    .columns(['account_id', 'submitted', 'id'])
    .execute();
  await db.schema.createIndex('captures_by_status').on('captures').columns(['status', 'submitted']).execute();
  await db.schema.createIndex('captures_of_ownership').on('captures').columns(['ownership_id', 'status']).execute();
  await db.schema
    .createTable('parts')
    .addColumn('capture_id', 'text', (column) => column.notNull().references('captures.id').onDelete('cascade'))
    .addColumn('sensor', 'text', required)
    .addColumn('interface', 'text', required)
    .addColumn('colo', 'text', required)
    .addColumn('ordinal', 'bigint', required)
    .addColumn('phase', 'text', required)
    .addColumn('epoch', 'text')
    .addColumn('sequence', 'bigint', required)
    .addColumn('linktype', 'bigint')
    .addColumn('packets', 'bigint')
    .addColumn('bytes', 'bigint')
    .addColumn('dropped', 'bigint')
    .addColumn('interface_dropped', 'bigint')
    .addColumn('cut', 'bigint')
    .addColumn('stop_reason', 'text')
    .addColumn('unordered', 'bigint')
    .addColumn('error', 'text')
    .addColumn('upload_id', 'text')
    .addColumn('upload_attempt', 'bigint')
    .addColumn('object_key', 'text')
    .addColumn('size_bytes', 'bigint')
    .addColumn('sha256', 'text')
    .addColumn('sample_rate', 'double precision')
    .addColumn('coverage', 'text')
    .addPrimaryKeyConstraint('parts_key', ['capture_id', 'sensor', 'interface'])
    .execute();
  await db.schema.createIndex('parts_of_sensor').on('parts').columns(['sensor', 'phase']).execute();
  await db.schema
    .createTable('uploads')
    .addColumn('capture_id', 'text', (column) => column.notNull().references('captures.id').onDelete('cascade'))
    .addColumn('upload_id', 'text', required)
    .addColumn('object_key', 'text', required)
    .addColumn('place', 'text', required)
    .addPrimaryKeyConstraint('uploads_key', ['capture_id', 'upload_id'])
    .execute();
}

async function fleet(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('sensors')
    .addColumn('name', 'text', primary)
    .addColumn('colo', 'text', required)
    .addColumn('epoch', 'text', required)
    .addColumn('version', 'bigint', required)
    .addColumn('generation', 'bigint', required)
    .addColumn('last_heard', 'bigint', required)
    .addColumn('interfaces', 'text', required)
    .addColumn('samples', 'text', required)
    .addColumn('spool_used_bytes', 'bigint', required)
    .addColumn('spool_limit_bytes', 'bigint', required)
    .execute();
  await db.schema
    .createTable('leases')
    .addColumn('name', 'text', primary)
    .addColumn('holder', 'text', required)
    .addColumn('fence', 'bigint', required)
    .addColumn('expires_at', 'bigint', required)
    .execute();
  await db.schema
    .createTable('settings')
    .addColumn('key', 'text', primary)
    .addColumn('value', 'text', required)
    .execute();
}

async function record(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('audit')
    .addColumn('id', 'text', primary)
    .addColumn('at', 'bigint', required)
    .addColumn('account_id', 'text', required)
    .addColumn('principal_id', 'text', required)
    .addColumn('action', 'text', required)
    .addColumn('subject', 'text', required)
    .addColumn('detail', 'text', required)
    .addColumn('address', 'text', required)
    .execute();
  await db.schema.createIndex('audit_of_account').on('audit').columns(['account_id', 'at', 'id']).execute();
  await db.schema
    .createTable('creates')
    .addColumn('principal_id', 'text', required)
    .addColumn('claim', 'text', required)
    .addColumn('account_id', 'text', required)
    .addColumn('body_hash', 'text', required)
    .addColumn('sequence', 'bigint', required)
    .addColumn('capture_id', 'text')
    .addColumn('at', 'bigint', required)
    .addColumn('received_at', 'bigint', required)
    .addColumn('unpaired', 'bigint', required)
    .addPrimaryKeyConstraint('creates_key', ['principal_id', 'claim'])
    .execute();
  await db.schema
    .createIndex('creates_latest')
    .on('creates')
    .columns(['principal_id', 'body_hash', 'sequence'])
    .execute();
  await db.schema.createIndex('creates_of_principal').on('creates').columns(['principal_id', 'at']).execute();
  await db.schema.createIndex('creates_by_time').on('creates').columns(['at']).execute();
}
