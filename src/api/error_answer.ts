import { type Fault, kindOf } from '../model/errors/fault.ts';
import type { ErrorEnvelope } from '../wire/http/envelope.ts';
import { errorJson } from '../wire/http/error_json.ts';

/** An answer that refuses. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ErrorEnvelope;
}

/** The longest that a client is asked to wait: SDKs sleep as long as they are told. */
export const retry_after_max_s = 5;

/**
 * The answer to faults. The status is that of the first; the headers say whether sending it again helps: not where any
 * fault rules it out, soon where the first allows it.
 */
export function errorAnswer(
  faults: readonly [Fault, ...Fault[]],
  options: { readonly origin?: string | undefined; readonly retry_after_s?: number } = {},
): ErrorAnswer {
  const kinds = faults.map((one) => kindOf(one));
  const { status, retry } = kindOf(faults[0]);
  const after = Math.min(retry_after_max_s, Math.max(1, Math.ceil(options.retry_after_s ?? 1)));
  const again = kinds.some((kind) => kind.retry === 'no') ? 'no' : retry;
  const headers: Record<string, string> = {};
  if (again === 'no') headers['x-should-retry'] = 'false';
  if (again === 'soon') headers['retry-after'] = String(after);
  if (status === 401) headers['www-authenticate'] = 'Bearer realm="edgetap"';
  return { status, headers, body: errorJson(faults, options.origin) };
}
