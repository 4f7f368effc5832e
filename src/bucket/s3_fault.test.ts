import { describe, expect, test } from 'vitest';
import { FaultError, fault } from '../model/errors/fault.ts';
import { s3Fault } from './s3_fault.ts';

const context = { destination: 's3://captures?region=us-east-1', key: 'x.pcap' };

/** An error as the SDK throws it, full of things that nobody should see. */
function sdkError(name: string, status?: number, more: Record<string, unknown> = {}): Error {
  const error = new Error('the secret is wJalrXUtnFEMI');
  return Object.assign(error, {
    name,
    $metadata: status === undefined ? {} : { httpStatusCode: status },
    $response: { headers: { authorization: 'wJalrXUtnFEMI' } },
    StringToSign: 'wJalrXUtnFEMI',
    AWSAccessKeyId: 'wJalrXUtnFEMI',
    ...more,
  });
}

describe('what the SDK throws becomes', () => {
  test.each<[Error, string, string]>([
    [sdkError('AccessDenied', 403), 'bucket_denied', 'HTTP 403 AccessDenied'],
    [sdkError('InvalidAccessKeyId', 403), 'bucket_denied', 'InvalidAccessKeyId'],
    [sdkError('SignatureDoesNotMatch', 403), 'bucket_denied', 'SignatureDoesNotMatch'],
    [sdkError('403', 403), 'bucket_denied', 'HTTP 403'],
    [sdkError('NoSuchBucket', 404), 'bucket_missing', 's3://captures'],
    [sdkError('NoSuchUpload', 404), 'upload_gone', 'x.pcap'],
    [sdkError('PermanentRedirect', 301), 'bucket_region', 'HTTP 301 PermanentRedirect'],
    [sdkError('Unknown', 307), 'bucket_region', 'HTTP 307'],
    [sdkError('AuthorizationHeaderMalformed', 400, { Region: 'eu-west-1' }), 'bucket_region', 'region eu-west-1'],
    [sdkError('AuthorizationHeaderMalformed', 400, { Region: 'x\ny' }), 'bucket_region', 'HTTP 400 Auth'],
    [
      sdkError('AuthorizationHeaderMalformed', 400, { Region: 'eu-west-1' }),
      'bucket_region',
      'write region=eu-west-1 into',
    ],
    [
      sdkError('PermanentRedirect', 301, { $response: { headers: { 'x-amz-bucket-region': 'ap-south-2' } } }),
      'bucket_region',
      '(region ap-south-2): write region=ap-south-2 into',
    ],
    [
      sdkError('PermanentRedirect', 301, { $response: { headers: { 'x-amz-bucket-region': '<script>' } } }),
      'bucket_region',
      'write region=… (or endpoint=…) into',
    ],
    [
      sdkError('RequestTimeTooSkewed', 403),
      'bucket_unreachable',
      'clock of this machine is wrong (HTTP 403 RequestTimeTooSkewed): set the clock',
    ],
    [sdkError('SlowDown', 503), 'bucket_unreachable', 'HTTP 503 SlowDown'],
    [sdkError('InternalError', 500), 'bucket_unreachable', 'HTTP 500 InternalError'],
    [sdkError('RequestTimeout', 400), 'bucket_unreachable', 'HTTP 400 RequestTimeout'],
    [sdkError('TooManyRequests', 429), 'bucket_unreachable', 'HTTP 429'],
    [sdkError('TimeoutError'), 'bucket_unreachable', 'no answer in time (TimeoutError)'],
    [
      sdkError('Error', undefined, { code: 'ECONNREFUSED' }),
      'bucket_unreachable',
      'nothing listens there (ECONNREFUSED)',
    ],
    [sdkError('Error', undefined, { code: 'CERT_HAS_EXPIRED' }), 'bucket_unreachable', 'CERT_HAS_EXPIRED'],
    [sdkError('Error'), 'bucket_unreachable', 'Unknown'],
    [sdkError('BadDigest', 400), 'bucket_checksum', ''],
    [sdkError('InvalidPart', 400), 'bucket_checksum', ''],
    [sdkError('NotImplemented', 501), 'bucket_refused', 'HTTP 501 NotImplemented'],
    [sdkError('EntityTooLarge', 400), 'bucket_refused', 'HTTP 400 EntityTooLarge'],
    [sdkError('<script>alert(1)</script>', 400), 'bucket_refused', 'HTTP 400'],
    [sdkError('x'.repeat(65), 404), 'bucket_refused', 'HTTP 404'],
  ])('%s: %s', (error, name, text) => {
    const made = s3Fault(error, context);
    expect(made.faults).toMatchObject([{ name, message: expect.stringContaining(text) }]);
    for (const told of [String(made), made.stack, JSON.stringify(made), String(made.cause)]) {
      expect(told).not.toContain('wJalr');
      expect(told).not.toContain('<script>');
    }
    expect(made.cause).toBeUndefined();
  });

  test('a fault of the guard stays what it is, without what the SDK hung on it', () => {
    const guard = new FaultError([fault('endpoint_refused', { host: 'a' })]);
    const made = s3Fault(Object.assign(guard, { $response: 'wJalr' }), context);
    expect(made.faults).toEqual(guard.faults);
    expect(Object.keys(made)).not.toContain('$response');
  });

  test.each([undefined, null, 'text', 7])('even %s', (thrown) => {
    expect(s3Fault(thrown, context).faults[0].name).toBe('bucket_unreachable');
  });
});
