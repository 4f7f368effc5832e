import type { PieceAnswer } from './send_piece.ts';

/** What an answer to a piece means. */
export type Verdict =
  | { readonly is: 'done'; readonly etag: string }
  /** The bucket does not know the upload: no piece of it can ever arrive. */
  | { readonly is: 'gone' }
  /** The signature is too old: the same piece needs another. */
  | { readonly is: 'expired'; readonly reason: string }
  /** Worth any number of tries. */
  | { readonly is: 'passing'; readonly reason: string }
  /** Looks as if it were to stay so. */
  | { readonly is: 'refused'; readonly reason: string };

const passing = new Set([
  'RequestTimeout',
  'BadDigest',
  'IncompleteBody',
  'SlowDown',
  'Throttling',
  'OperationAborted',
]);
const expired = new Set(['RequestExpired', 'ExpiredRequest', 'ExpiredToken']);

/** Judges what a bucket (S3's error codes, which edgetap's own intake speaks too) answered to a PUT of a piece. */
export function judgeAnswer({ status, etag, text }: PieceAnswer): Verdict {
  const code = /<Code>([A-Za-z0-9_.]{1,64})<\/Code>/.exec(text)?.[1] ?? '';
  const reason = code === '' ? `HTTP ${status}` : `HTTP ${status} ${code}`;
  if (status >= 200 && status < 300) {
    return etag === '' ? { is: 'passing', reason: `${reason} without an ETag` } : { is: 'done', etag };
  }
  if (code === 'NoSuchUpload') return { is: 'gone' };
  if (code === 'RequestTimeTooSkewed') {
    return {
      is: 'expired',
      reason: `${reason}: the clock of edgetap is wrong, set it, as by NTP`,
    };
  }
  if (expired.has(code) || (code === 'AccessDenied' && /expired/i.test(text))) return { is: 'expired', reason };
  if (status >= 500 || status === 408 || status === 425 || status === 429 || passing.has(code)) {
    return { is: 'passing', reason };
  }
  if (status >= 300 && status < 400) return { is: 'refused', reason: `${reason}: a redirect, which is not followed` };
  return { is: 'refused', reason };
}
