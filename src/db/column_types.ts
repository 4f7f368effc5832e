import type { CreateTableBuilder } from 'kysely';

type DataType = Parameters<CreateTableBuilder<string>['addColumn']>[1];

/** The names of the two column types that databases spell differently; text and bigint are the same in all. */
export interface ColumnTypes {
  readonly bytes: DataType;
  readonly double: DataType;
}
