import type { Compilable, CompiledQuery, Kysely } from 'kysely';
import type { Queries } from './database.ts';
import type { Tables } from './tables.ts';

/**
 * A query that is built once for each database and run with other parameters after: building one takes longer than
 * SQLite takes to answer it. The parameters of the built query must be the arguments, in their order.
 */
export function builtOnce<Row, Parameters extends readonly string[]>(
  build: (query: Kysely<Tables>, ...parameters: Parameters) => Compilable<Row>,
): (db: Queries, ...parameters: Parameters) => Promise<readonly Row[]> {
  const known = new WeakMap<object, CompiledQuery<Row>>();
  return async (db, ...parameters) => {
    const { adapter } = db.query.getExecutor();
    const before = known.get(adapter);
    const query = before ?? build(db.query, ...parameters).compile();
    if (before === undefined) known.set(adapter, query);
    return (await db.query.executeQuery<Row>({ ...query, parameters })).rows;
  };
}
