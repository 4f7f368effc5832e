import type { Created, Rate } from '../control/control.ts';
import { kindOf } from '../model/errors/fault.ts';
import { retry_after_max_s } from './error_answer.ts';

/** The rate headers of a create (draft-ietf-httpapi-ratelimit-headers), and how long to wait where that helps. */
export function rateHeaders(created: Created): Record<string, string> {
  const { limit, window_s, remaining, reset_s }: Rate = created.rate;
  const headers: Record<string, string> = {
    ratelimit: `"create";r=${remaining};t=${Math.ceil(reset_s)}`,
    'ratelimit-policy': `"create";q=${limit};w=${window_s}`,
  };
  if (!created.ok && kindOf(created.fault).retry === 'soon') {
    headers['retry-after'] = String(Math.min(retry_after_max_s, Math.max(1, Math.ceil(reset_s))));
  }
  return headers;
}
