import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Destination, parseDestination } from '../model/destination.ts';
import { toJsonText } from '../model/json_text.ts';
import { guardedAgents } from '../net/guarded_agent.ts';
import { faultOf } from './bucket_suite.ts';
import { type BucketWorld, openBucket } from './open_bucket.ts';
import { realWaiting } from './waiting.ts';

const world: BucketWorld = {
  agents: guardedAgents({ policy: [] }),
  ambient: false,
  allowed_roots: ['/var/captures'],
  intake_url: 'http://127.0.0.1:8787',
  signing_keys: [randomBytes(32)],
  now: () => 1_700_000_000_000_000_000n,
  wall: () => 1_800_000_000_000_000_000n,
  waiting: realWaiting,
  silence_ms: 10_000,
  random_bytes: (count) => randomBytes(count),
  patience: { tries: 1, base_ms: 1, cap_ms: 1, within_ms: 600_000 },
};
const secrets = { access_key_id: 'AKIDEXAMPLE', secret_access_key: 'wJalrXUtnFEMI' };
const piece = { number: 7, length_bytes: 100, md5_base64: 'XUFAKrxLKna5cZ2REBfFkg==' };
const account = 'ab'.repeat(16);

function destination(text: string): Destination {
  const parsed = parseDestination(text, '');
  if (!parsed.ok) throw new Error(parsed.faults[0]?.message);
  return parsed.value.destination;
}

describe('keys', () => {
  const opened = (text: string, ambient: boolean): Promise<string> =>
    faultOf((async () => openBucket(destination(text), undefined, { ...world, ambient }))());
  test.each([
    ['gs://captures', true, 'bucket_keys_missing'],
    [`r2://captures?account-id=${account}`, true, 'bucket_keys_missing'],
    ['s3://captures', false, 'bucket_ambient_refused'],
    ['s3://captures', true, 'none'],
    ['s3://captures?endpoint=https://s3.example', true, 'bucket_ambient_endpoint'],
    ['file:///var/captures/a', false, 'none'],
    ['file:///var/other', false, 'bucket_directory_refused'],
  ])('%s without keys, ambient %s: %s', async (text, ambient, expected) => {
    expect(await opened(text, ambient)).toBe(expected);
  });
});

describe('a signed piece is a URL of the bucket, without the secret', () => {
  test.each([
    [
      's3://captures/dir?region=eu-central-1',
      'https://captures.s3.eu-central-1.amazonaws.com/dir/x.pcap',
      'eu-central-1',
    ],
    ['s3://captures', 'https://captures.s3.us-east-1.amazonaws.com/x.pcap', 'us-east-1'],
    ['s3://cap.tures', 'https://s3.us-east-1.amazonaws.com/cap.tures/x.pcap', 'us-east-1'],
    ['s3://captures?region=cn-north-1', 'https://captures.s3.cn-north-1.amazonaws.com.cn/x.pcap', 'cn-north-1'],
    [
      's3://captures/a%20b/%C3%A9?endpoint=https://minio.example:9000',
      'https://minio.example:9000/captures/a%20b/%C3%A9/x.pcap',
      'us-east-1',
    ],
    [`r2://captures?account-id=${account}`, `https://${account}.r2.cloudflarestorage.com/captures/x.pcap`, 'auto'],
    ['gs://cap_tures/dir', 'https://storage.googleapis.com/cap_tures/dir/x.pcap', 'auto'],
  ])('%s', async (text, expected, region) => {
    const bucket = openBucket(destination(text), secrets, world);
    const signed = await bucket.signPiece({ key: 'x.pcap', upload_id: 'up/1+2', piece });
    const url = new URL(signed.url);
    expect(url.origin + url.pathname).toBe(expected);
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      partNumber: '7',
      uploadId: 'up/1+2',
      'X-Amz-Expires': '900',
      'X-Amz-Date': '20270115T080000Z',
      'X-Amz-SignedHeaders': 'content-length;content-md5;host',
      'X-Amz-Credential': `AKIDEXAMPLE/20270115/${region}/s3/aws4_request`,
    });
    expect(signed).toMatchObject({
      method: 'PUT',
      own: false,
      headers: { 'content-length': '100', 'content-md5': piece.md5_base64 },
      expires_at: 1_800_000_900_000_000_000n,
      valid_ns: 899_000_000_000n,
    });
    expect(toJsonText(signed)).not.toContain('wJalr');
  });
});

test('the environment says nothing about where a bucket is', async () => {
  const before = { ...process.env };
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
    AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1',
    AWS_REGION: 'xx-env-1',
    AWS_USE_FIPS_ENDPOINT: 'true',
    AWS_USE_DUALSTACK_ENDPOINT: 'true',
    AWS_ACCESS_KEY_ID: 'ENVIRONMENT',
    AWS_SECRET_ACCESS_KEY: 'ENVIRONMENT',
  });
  try {
    const bucket = openBucket(destination('s3://captures'), secrets, world);
    const { url } = await bucket.signPiece({ key: 'x.pcap', upload_id: 'u', piece });
    expect(url).toMatch(/^https:\/\/captures\.s3\.us-east-1\.amazonaws\.com\//);
    expect(url).toContain('AKIDEXAMPLE');
    const ambient = openBucket(destination('s3://captures'), undefined, { ...world, ambient: true });
    expect((await ambient.signPiece({ key: 'x.pcap', upload_id: 'u', piece })).url).toContain('ENVIRONMENT');
  } finally {
    process.env = before;
  }
});
