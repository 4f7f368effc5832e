/** How long to wait, and for what. */
export interface WaitOptions {
  /** Named in the failure: "not within 5000 ms: the capture is running". */
  readonly what: string;
  readonly limit_ms?: number;
  readonly every_ms?: number;
}

/**
 * Calls a probe until it gives something other than `undefined`, `null` or `false`, and returns that. A probe that throws
 * is asked again. Rejects at the limit with what was waited for and the probe's last answer or error.
 */
export async function waitFor<T>(
  probe: () => T | Promise<T>,
  { what, limit_ms = 300_000, every_ms = 20 }: WaitOptions,
): Promise<Exclude<T, undefined | null | false>> {
  const deadline = performance.now() + limit_ms;
  let last: { readonly answer: unknown } | { readonly error: unknown };
  do {
    try {
      const answer = await probe();
      if (isThere(answer)) return answer;
      last = { answer };
    } catch (error) {
      last = { error };
    }
    await new Promise((resolve) => setTimeout(resolve, every_ms));
  } while (performance.now() < deadline);
  const seen = 'error' in last ? `it failed with ${String(last.error)}` : `it was ${String(last.answer)}`;
  throw new Error(`not within ${limit_ms} ms: ${what} (at last ${seen})`, 'error' in last ? { cause: last.error } : {});
}

function isThere<T>(answer: T): answer is Exclude<T, undefined | null | false> {
  return answer !== undefined && answer !== null && answer !== false;
}
