import { type Kysely, type Migration, Migrator } from 'kysely';
import { raise } from '../model/errors/fault.ts';
import { auditTimes } from './migrations/audit_times.ts';
import { beginningOfParts } from './migrations/beginning_of_parts.ts';
import { initialSchema } from './migrations/initial_schema.ts';
import { pastOfCaptures } from './migrations/past_of_captures.ts';
import { lookBackReach } from './migrations/look_back_reach.ts';
import { stagedSums } from './migrations/staged_sums.ts';
import { whatIsMissing } from './migrations/what_is_missing.ts';
import { packetsEstimated } from './migrations/packets_estimated.ts';
import { captureCounts } from './migrations/capture_counts.ts';
import { sensorIdentity } from './migrations/sensor_identity.ts';
import type { Tables } from './tables.ts';

/** Every migration, by its name; names sort in the order of running and are never changed once released. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001_initial_schema': initialSchema,
  '0002_past_of_captures': pastOfCaptures,
  '0003_packets_estimated': packetsEstimated,
  '0004_what_is_missing': whatIsMissing,
  '0005_look_back_reach': lookBackReach,
  '0006_staged_sums': stagedSums,
  '0007_beginning_of_parts': beginningOfParts,
  '0008_sensor_identity': sensorIdentity,
  '0009_audit_times': auditTimes,
  '0010_capture_counts': captureCounts,
};

/**
 * Brings the schema up to what `known` ends with. A database that a newer edgetap has migrated is left alone.
 *
 * @throws FaultError `database_newer` for a schema of a newer edgetap, `database_failed` when a migration fails
 */
export async function migrate(query: Kysely<Tables>, known: Readonly<Record<string, Migration>>): Promise<void> {
  const newest = Object.keys(known).toSorted().at(-1) ?? 'none';
  const found = (await appliedMigrations(query)).filter((name) => !(name in known)).at(-1);
  if (found !== undefined) raise('database_newer', { found, known: newest });
  const migrator = new Migrator({ db: query, provider: { getMigrations: async () => ({ ...known }) } });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  const reason = error instanceof Error ? error.message : 'unknown';
  raise('database_failed', { reason: `its schema could not be made: ${reason}` }, { cause: error });
}

/** A database without a single table, as a missing file gives one. */
export async function isEmpty(query: Kysely<Tables>): Promise<boolean> {
  return (await query.introspection.getTables({ withInternalKyselyTables: true })).length === 0;
}

/** Names of the migrations that a database has, oldest first; none for an empty database. */
async function appliedMigrations(query: Kysely<Tables>): Promise<readonly string[]> {
  const tables = await query.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some((table) => table.name === 'kysely_migration')) return [];
  const rows = await query
    .withTables<{ kysely_migration: { name: string } }>()
    .selectFrom('kysely_migration')
    .select('name')
    .orderBy('name')
    .execute();
  return rows.map((row) => row.name);
}
