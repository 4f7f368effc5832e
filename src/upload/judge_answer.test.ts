import { expect, test } from 'vitest';
import { judgeAnswer } from './judge_answer.ts';

function xml(code: string, message = ''): string {
  return `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
}

test.each<[number, string, string, string]>([
  [200, 'abc', '', 'done'],
  [204, 'abc', '', 'done'],
  [200, '', '', 'passing'],
  [404, '', xml('NoSuchUpload'), 'gone'],
  [403, '', xml('AccessDenied', 'Request has expired'), 'expired'],
  [403, '', xml('RequestExpired'), 'expired'],
  [400, '', xml('ExpiredToken'), 'expired'],
  [403, '', xml('RequestTimeTooSkewed'), 'expired'],
  [403, '', xml('AccessDenied', 'no'), 'refused'],
  [403, '', xml('SignatureDoesNotMatch'), 'refused'],
  [404, '', xml('NoSuchBucket'), 'refused'],
  [404, '', '', 'refused'],
  [400, '', xml('EntityTooLarge'), 'refused'],
  [400, '', xml('BadDigest'), 'passing'],
  [400, '', xml('RequestTimeout'), 'passing'],
  [408, '', '', 'passing'],
  [425, '', '', 'passing'],
  [429, '', '', 'passing'],
  [500, '', xml('InternalError'), 'passing'],
  [503, '', xml('SlowDown'), 'passing'],
  [507, '', xml('InsufficientStorage'), 'passing'],
  [301, 'abc', '', 'refused'],
  [307, '', xml('TemporaryRedirect'), 'refused'],
  [418, '', '<Code>../../etc\n</Code>', 'refused'],
])('%i, ETag "%s", %s is %s', (status, etag, text, is) => {
  const verdict = judgeAnswer({ status, etag, text, retry_after_ms: 0 });
  expect(verdict.is).toBe(is);
  if ('reason' in verdict) expect(verdict.reason).toMatch(/^HTTP \d{3}[\w :,]*( without an ETag)?$/);
});
