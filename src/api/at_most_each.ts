/**
 * Gives what `make` gives, made at most once in so long and one at a time: who asks in between gets the last one, and who asks while one is
 * being made gets that. What fails is told to those who wait for it, and made again.
 */
export function atMostEach<T>(
  interval_ms: number,
  make: () => Promise<T>,
  now_ms = () => performance.now(),
): () => Promise<T> {
  let made: { readonly value: T; readonly at_ms: number } | undefined;
  let making: Promise<T> | undefined;
  const begin = async (): Promise<T> => {
    try {
      const value = await make();
      made = { value, at_ms: now_ms() };
      return value;
    } finally {
      making = undefined;
    }
  };
  return async () => {
    if (made !== undefined && now_ms() - made.at_ms < interval_ms) return made.value;
    making ??= begin();
    return await making;
  };
}
