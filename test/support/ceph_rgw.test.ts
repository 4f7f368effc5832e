import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { request } from 'node:https';
import { once } from 'node:events';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { type CephRgw, type RgwUser, startCephRgw } from './ceph_rgw.ts';
import { putOnlyPolicy } from './put_only_policy.ts';

let rgw: CephRgw;
let owner: S3Client;

function client(user: Pick<RgwUser, 'access_key_id' | 'secret_access_key'>): S3Client {
  return new S3Client({
    endpoint: rgw.endpoint,
    region: rgw.region,
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    credentials: { accessKeyId: user.access_key_id, secretAccessKey: user.secret_access_key },
    maxAttempts: 1,
  });
}

async function read(Bucket: string, Key: string): Promise<Uint8Array> {
  const { Body } = await owner.send(new GetObjectCommand({ Bucket, Key }));
  if (Body === undefined) throw new Error('no body');
  return Body.transformToByteArray();
}

beforeAll(async () => {
  rgw = await startCephRgw();
  owner = client(rgw.owner);
  await owner.send(new CreateBucketCommand({ Bucket: 'captures' }));
});
afterAll(async () => {
  await rgw.stop();
  expect(existsSync(dirname(rgw.certificate_file))).toBe(false);
  await expect(fetch(rgw.endpoint)).rejects.toThrow();
});

test('an object comes back as it was put', async () => {
  await owner.send(new PutObjectCommand({ Bucket: 'captures', Key: 'a/b c.pcap', Body: 'packets' }));
  expect(Buffer.from(await read('captures', 'a/b c.pcap')).toString()).toBe('packets');
});

test('a multipart upload survives a kill of the gateway', async () => {
  const where = { Bucket: 'captures', Key: 'big.pcap' };
  const body = randomBytes(12 << 20);
  const piece = 5 << 20;
  const { UploadId } = await owner.send(new CreateMultipartUploadCommand(where));
  const Parts: { PartNumber: number; ETag: string | undefined }[] = [];
  for (const PartNumber of [1, 2, 3]) {
    if (PartNumber === 2) {
      await rgw.kill();
      await expect(fetch(rgw.endpoint)).rejects.toThrow();
      await rgw.restart();
    }
    const Body = body.subarray((PartNumber - 1) * piece, PartNumber * piece);
    const { ETag } = await owner.send(new UploadPartCommand({ ...where, UploadId, PartNumber, Body }));
    expect(ETag).toBe(`"${createHash('md5').update(Body).digest('hex')}"`);
    Parts.push({ PartNumber, ETag });
  }
  await owner.send(new CompleteMultipartUploadCommand({ ...where, UploadId, MultipartUpload: { Parts } }));
  const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  expect(sha256(await read(where.Bucket, where.Key))).toBe(sha256(body));
});

describe('another user', () => {
  test('may do what a policy allows, and only that', async () => {
    const user = await rgw.createUser('writer');
    const other = client(user);
    const put = (): Promise<unknown> =>
      other.send(new PutObjectCommand({ Bucket: 'captures', Key: 'inbox/1', Body: 'one' }));
    await expect(put()).rejects.toMatchObject({ name: 'AccessDenied' });
    const Policy = putOnlyPolicy('captures', user, rgw.owner);
    await owner.send(new PutBucketPolicyCommand({ Bucket: 'captures', Policy }));
    await put();
    const where = { Bucket: 'captures', Key: 'inbox/2' };
    const { UploadId } = await other.send(new CreateMultipartUploadCommand(where));
    const { ETag } = await other.send(new UploadPartCommand({ ...where, UploadId, PartNumber: 1, Body: 'two' }));
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
    await other.send(new CompleteMultipartUploadCommand({ ...where, UploadId, MultipartUpload }));
    const refusals = {
      get: () => other.send(new GetObjectCommand(where)),
      head: () => other.send(new HeadObjectCommand(where)),
      remove: () => other.send(new DeleteObjectCommand(where)),
      list: () => other.send(new ListObjectsV2Command({ Bucket: where.Bucket })),
      abort: () => other.send(new AbortMultipartUploadCommand({ ...where, UploadId })),
    };
    for (const [name, ask] of Object.entries(refusals)) {
      await expect(ask(), name).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
    }
    expect(Buffer.from(await read(where.Bucket, where.Key)).toString()).toBe('two');
  });

  test('with wrong keys is refused', async () => {
    const put = new PutObjectCommand({ Bucket: 'captures', Key: 'x', Body: 'x' });
    const wrongSecret = client({ ...rgw.owner, secret_access_key: 'wrong' });
    await expect(wrongSecret.send(put)).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' });
    const wrongKey = client({ ...rgw.owner, access_key_id: 'NOBODY' });
    await expect(wrongKey.send(put)).rejects.toMatchObject({ name: 'InvalidAccessKeyId' });
  });
});

test('TLS is answered for those who trust the certificate', async () => {
  const get = async (options: { readonly ca?: string }): Promise<number | undefined> => {
    const asked = request(rgw.tls_endpoint, { ...options, agent: false });
    asked.end();
    const [answer] = (await once(asked, 'response')) as [{ statusCode?: number; resume(): void }];
    answer.resume();
    return answer.statusCode;
  };
  expect(await get({ ca: rgw.certificate })).toBe(200);
  await expect(get({})).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
});
