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
  const run = builtByShape(
    () => 'the only one',
    (parameters: Parameters) => parameters,
    (query, parameters) => build(query, ...parameters),
  );
  return async (db, ...parameters) => await run(db, parameters);
}

/**
 * The same for a query that comes in a few shapes, with this condition or without, or with so many values in a list: each is
 * built once. There must be a bound to the number of shapes.
 *
 * @param parametersOf the parameters of the query that `build` makes of the same arguments, in their order
 */
export function builtByShape<Row, Arguments>(
  shapeOf: (given: Arguments) => string | number,
  parametersOf: (given: Arguments) => readonly (string | bigint)[],
  build: (query: Kysely<Tables>, given: Arguments) => Compilable<Row>,
): (db: Queries, given: Arguments) => Promise<readonly Row[]> {
  const known = new WeakMap<object, Map<string | number, CompiledQuery<Row>>>();
  return async (db, given) => {
    const { adapter } = db.query.getExecutor();
    const shapes = known.get(adapter) ?? new Map<string | number, CompiledQuery<Row>>();
    const shape = shapeOf(given);
    const before = shapes.get(shape);
    const query = before ?? build(db.query, given).compile();
    if (before === undefined) known.set(adapter, shapes.set(shape, query));
    return await db.rows({ ...query, parameters: parametersOf(given) });
  };
}
