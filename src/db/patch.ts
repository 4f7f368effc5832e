/** Changes to a record: a field left out stays as it is; null clears a field that may be missing. */
export type Patch<T> = {
  readonly [K in keyof T]?: object extends Pick<T, K> ? Exclude<T[K], undefined> | null : T[K];
};
