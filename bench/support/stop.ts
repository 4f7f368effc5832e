/** Aborted once the benchmark is to end early: nothing new is then begun. */
export const stop = new AbortController();

/** As some work does, or rejects at once when the benchmark is to end: for work that would go on waiting for what has been ended. */
export async function unlessStopped<T>(work: () => Promise<T>): Promise<T> {
  const { signal } = stop;
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const end = (): void => reject(signal.reason);
  signal.addEventListener('abort', end);
  try {
    return await Promise.race([work(), promise]);
  } finally {
    signal.removeEventListener('abort', end);
  }
}
