/** `T` with every field that may be null made optional instead. */
export type Present<T> = { readonly [K in keyof T as null extends T[K] ? never : K]: T[K] } & {
  readonly [K in keyof T as null extends T[K] ? K : never]?: Exclude<T[K], null>;
};

/** Leaves out the fields that are null: a column's null is a record's missing field. */
export function present<T extends object>(row: T): Present<T> {
  const kept: Partial<T> = {};
  for (const name in row) if (row[name] !== null) kept[name] = row[name];
  const without: object = kept;
  return without as Present<T>;
}

/** The same of the named fields only: quicker than to copy the rest of a row first. */
export function presentOf<T extends object, Name extends keyof T>(
  row: T,
  names: readonly Name[],
): Present<Pick<T, Name>> {
  const kept: Partial<Pick<T, Name>> = {};
  for (const name of names) {
    const value = row[name];
    if (value !== null) kept[name] = value;
  }
  const without: object = kept;
  return without as Present<Pick<T, Name>>;
}
