import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { logRedaction } from '../../src/api/log_redaction.ts';

const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';

test('a logger with these options writes no secret, wherever it hides', () => {
  let written = '';
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written += chunk.toString();
      done();
    },
  });
  const logger = pino({ ...logRedaction }, sink);
  logger.info(
    {
      headers: { authorization: secret },
      request: { headers: { authorization: secret }, authorization: secret, token: secret },
      body: { ownership_challenge: secret, secret_access_key: secret, 'x-auth-key': secret },
      auth_key: secret,
      destination_conf: `s3://b?secret-access-key=${secret}`,
      url: `/a?token=${secret}`,
      err: new Error(`Bearer ${secret}`),
    },
    'all of it',
  );
  expect(written).toContain('all of it');
  expect(written).toContain('"url":"/a"');
  expect(written).not.toContain(secret);
});
