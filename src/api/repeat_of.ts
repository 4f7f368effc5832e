import type { IncomingHttpHeaders } from 'node:http';
import type { Repeat } from '../control/control.ts';
import { raise } from '../model/errors/fault.ts';

/**
 * Reads what marks a request as a repeat: the SDKs' retry count and the client's own key.
 *
 * @throws {FaultError} `header_invalid`
 */
export function repeatOf(headers: IncomingHttpHeaders): Repeat {
  const count = headers['x-stainless-retry-count'];
  const retry_count = typeof count === 'string' && /^[0-9]{1,3}$/.test(count) ? Number(count) : 0;
  const key = headers['idempotency-key'];
  if (key === undefined) return { retry_count };
  if (typeof key !== 'string' || !/^[\x20-\x7e]{1,255}$/.test(key)) {
    raise('header_invalid', { name: 'Idempotency-Key', expected: '1 to 255 printable ASCII characters, sent once' });
  }
  return { retry_count, idempotency_key: key };
}
