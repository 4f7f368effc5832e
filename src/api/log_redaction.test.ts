import { expect, test } from 'vitest';
import { loggedError, redactSecrets } from './log_redaction.ts';

const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';

test('secrets go from texts, the rest stays', () => {
  expect(redactSecrets(`s3://b/d?region=x&secret-access-key=${secret}&endpoint=e`)).toBe(
    's3://b/d?region=x&secret-access-key=[redacted]&endpoint=e',
  );
  expect(redactSecrets(`sent Bearer ${secret}, and lost`)).toBe('sent Bearer [redacted], and lost');
  expect(redactSecrets(`postgres://edgetap:${secret}@db/x`)).not.toContain('bPxRfi');
  expect(redactSecrets('PUT https://h/k?X-Amz-Signature=abc&partNumber=1')).toBe(
    'PUT https://h/k?X-Amz-Signature=[redacted]&partNumber=1',
  );
  expect(redactSecrets('nothing to hide')).toBe('nothing to hide');
});

test('errors keep kind, code and causes, and lose what hangs on them', () => {
  const cause = Object.assign(new TypeError(`GET x?token=${secret}`), { code: 'ECONNREFUSED', headers: { a: secret } });
  const logged = loggedError(new Error('outer', { cause }));
  expect(logged).toMatchObject({
    type: 'Error',
    message: 'outer',
    cause: { type: 'TypeError', code: 'ECONNREFUSED', message: 'GET x?token=[redacted]' },
  });
  expect(JSON.stringify(logged)).not.toContain(secret);
  const round = new Error('round');
  round.cause = round;
  expect(JSON.stringify(loggedError(round)).length).toBeLessThan(100_000);
  expect(loggedError(`Bearer ${secret}`)).toEqual({ type: 'string', message: 'Bearer [redacted]' });
});
