/** What telling takes. */
export interface TellDeps {
  /** Returns early, and does not throw, when the signal fires. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** Runs something, and calls `tell` once where it has not ended after so long. Neither outlives the other. */
export async function tellWhile<T>(
  deps: TellDeps,
  after_ms: number,
  tell: (over: AbortSignal) => Promise<void>,
  run: () => Promise<T>,
): Promise<T> {
  const done = new AbortController();
  const telling = (async (): Promise<void> => {
    await deps.sleep(after_ms, done.signal);
    if (!done.signal.aborted) await tell(done.signal);
  })();
  telling.catch(() => undefined);
  try {
    return await run();
  } finally {
    done.abort();
    await telling;
  }
}
