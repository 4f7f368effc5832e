import type { Compilable, CompiledQuery, Insertable, Kysely } from 'kysely';
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
 * @param parametersOf the parameters of the query that `build` makes of the same arguments, in their order; a TypeError is thrown
 *   where those of the first query are others
 */
export function builtByShape<Row, Arguments>(
  shapeOf: (given: Arguments) => string | number,
  parametersOf: (given: Arguments) => readonly (string | bigint | null)[],
  build: (query: Kysely<Tables>, given: Arguments) => Compilable<Row>,
): (db: Queries, given: Arguments) => Promise<readonly Row[]> {
  const known = new WeakMap<object, Map<string | number, CompiledQuery<Row>>>();
  return async (db, given) => {
    const { adapter } = db.query.getExecutor();
    const shapes = known.get(adapter) ?? new Map<string | number, CompiledQuery<Row>>();
    const shape = shapeOf(given);
    const before = shapes.get(shape);
    const query = before ?? build(db.query, given).compile();
    const parameters = parametersOf(given);
    if (before === undefined) {
      requireSame(query.parameters, parameters);
      known.set(adapter, shapes.set(shape, query));
    }
    return await db.rows({ ...query, parameters });
  };
}

/** An insert into a table, built once for each list of columns that rows come with. */
export function builtInsert<Table extends keyof Tables>(
  table: Table,
): (tx: Queries, row: Insertable<Tables[Table]>) => Promise<void> {
  const run = builtByShape(
    (row: Insertable<Tables[Table]>) => Object.keys(row).join(' '),
    (row) => Object.values(row) as readonly (string | bigint | null)[],
    (query, row) => query.insertInto(table).values(row),
  );
  return async (tx, row) => void (await run(tx, row));
}

function requireSame(built: readonly unknown[], given: readonly unknown[]): void {
  // A number that a query was built with is a bigint to the database.
  if (built.length === given.length && built.every((value, index) => String(value) === String(given[index]))) return;
  throw new TypeError(`a query has ${built.length} parameters that are not the ${given.length} given ones`);
}
