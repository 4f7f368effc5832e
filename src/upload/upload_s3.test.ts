import { createHash, randomBytes } from 'node:crypto';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CreateBucketCommand, DeleteBucketCommand, PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CephRgw, type RgwUser, startCephRgw } from '../../test/support/ceph_rgw.ts';
import { putOnlyPolicy } from '../../test/support/put_only_policy.ts';
import type { Bucket } from '../bucket/bucket.ts';
import { openS3Bucket } from '../bucket/s3.ts';
import { realWaiting } from '../bucket/waiting.ts';
import { anywhere } from '../model/endpoint_policy.ts';
import type { Fault } from '../model/errors/fault.ts';
import type { TimeNs } from '../model/time.ts';
import { type GuardedAgents, guardedAgents } from '../net/guarded_agent.ts';
import type { GrowingFile } from './growing_file.ts';
import { type UploadOptions, uploadFile } from './upload_file.ts';

const piece_bytes = 8_388_608;
const now = (): TimeNs => BigInt(Date.now()) * 1_000_000n;

let rgw: CephRgw;
let owner: S3Client;
let agents: GuardedAgents;
let folder: string;
let made = 0;

beforeAll(async () => {
  rgw = await startCephRgw();
  agents = guardedAgents({ policy: anywhere, ca: rgw.certificate });
  folder = await mkdtemp(join(tmpdir(), 'edgetap-upload-s3-'));
  const { access_key_id, secret_access_key } = rgw.owner;
  owner = new S3Client({
    endpoint: rgw.endpoint,
    region: rgw.region,
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    credentials: { accessKeyId: access_key_id, secretAccessKey: secret_access_key },
  });
});
afterAll(async () => {
  owner.destroy();
  agents.close();
  await rgw.stop();
  await rm(folder, { recursive: true });
});

async function makeBucket(): Promise<string> {
  made += 1;
  const name = `uploads-${made}`;
  await owner.send(new CreateBucketCommand({ Bucket: name }));
  return name;
}

function open(bucket: string, user: RgwUser = rgw.owner, endpoint: string = rgw.endpoint): Bucket {
  return openS3Bucket({
    destination: { scheme: 's3', bucket, directory: 'dir', region: rgw.region, endpoint },
    secrets: user,
    agents,
    now,
    wall: now,
    waiting: realWaiting,
    silence_ms: 30_000,
  });
}

interface Sending {
  readonly options: UploadOptions;
  readonly upload_id: string;
  readonly warnings: Fault[];
  readonly requests: { count: number };
}

async function send(bucket: Bucket, file: GrowingFile, change: Partial<UploadOptions> = {}): Promise<Sending> {
  const upload_id = await bucket.startUpload('x.pcap', piece_bytes);
  const warnings: Fault[] = [];
  const requests = { count: 0 };
  const options: UploadOptions = {
    file,
    piece_bytes,
    journal_path: `${file.path}.upload`,
    sign: async (piece) => {
      requests.count += 1;
      return bucket.signPiece({ key: 'x.pcap', upload_id, piece });
    },
    agentsFor: () => agents,
    now,
    sleep: async (ms) => {
      await delay(ms / 10);
    },
    random: Math.random,
    deliver_before: now() + 86_400_000_000_000n,
    warn: (fault) => warnings.push(fault),
    signal: new AbortController().signal,
    ...change,
  };
  return { options, upload_id, warnings, requests };
}

/** A file that grows by `step_bytes` of chance at a time while it is uploaded, up to `size` bytes. */
async function growTo(size: number, step_bytes: number): Promise<{ file: GrowingFile; grown: () => Promise<string> }> {
  made += 1;
  const path = join(folder, `part-${made}.pcap`);
  await writeFile(path, '');
  const state = { size: 0 };
  const file: GrowingFile = {
    path,
    size_bytes: () => state.size,
    sealed: () => state.size === size,
    reaches: async (wanted, signal) => {
      while (state.size < wanted && state.size < size && !signal.aborted) await delay(2);
    },
  };
  const grown = async (): Promise<string> => {
    const hash = createHash('sha256');
    const seed = randomBytes(step_bytes);
    while (state.size < size) {
      seed.writeUInt32BE(state.size);
      const bytes = seed.subarray(0, Math.min(step_bytes, size - state.size));
      hash.update(bytes);
      await appendFile(path, bytes);
      state.size += bytes.length;
    }
    return hash.digest('hex');
  };
  return { file, grown };
}

async function sumOf(bucket: Bucket): Promise<string> {
  const hash = createHash('sha256');
  const { body } = await bucket.readObject('x.pcap');
  for await (const chunk of body) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

test.each(['plain', 'TLS'])(
  '300 MB that grow while they are sent, the gateway killed and restarted in between (%s)',
  async (over) => {
    const bucket = open(await makeBucket(), rgw.owner, over === 'TLS' ? rgw.tls_endpoint : rgw.endpoint);
    const { file, grown } = await growTo(300_000_000, 2_000_000);
    const { options, upload_id, warnings, requests } = await send(bucket, file);
    const uploading = uploadFile(options);
    const growing = grown();
    await expect.poll(() => requests.count).toBeGreaterThan(8);
    await rgw.kill();
    await delay(300);
    await rgw.restart();
    const [uploaded, sha256] = await Promise.all([uploading, growing]);
    expect(uploaded).toMatchObject({ size_bytes: 300_000_000n, sha256 });
    expect(uploaded.pieces).toHaveLength(36);
    expect(warnings.length).toBeGreaterThan(0);
    const stored = await bucket.completeUpload({ key: 'x.pcap', upload_id, pieces: uploaded.pieces });
    expect(stored.size_bytes).toBe(300_000_000n);
    expect(await sumOf(bucket)).toBe(sha256);
  },
);

describe('small files', () => {
  test('with nothing but PutObject allowed', async () => {
    const name = await makeBucket();
    const user = await rgw.createUser(`courier-${made}`);
    await owner.send(new PutBucketPolicyCommand({ Bucket: name, Policy: putOnlyPolicy(name, user, rgw.owner) }));
    const bucket = open(name, user);
    const { file, grown } = await growTo(piece_bytes + 24, 1_000_000);
    const sha256 = await grown();
    const { options, upload_id } = await send(bucket, file);
    const uploaded = await uploadFile(options);
    await bucket.completeUpload({ key: 'x.pcap', upload_id, pieces: uploaded.pieces });
    expect(await sumOf(open(name))).toBe(sha256);
  });

  test('into a bucket that is gone: refused in the end, with the reason', async () => {
    const name = await makeBucket();
    const bucket = open(name);
    const { file, grown } = await growTo(24, 24);
    await grown();
    const { options, upload_id, warnings } = await send(bucket, file, { sleep: async () => undefined });
    await bucket.abortUpload({ key: 'x.pcap', upload_id });
    await owner.send(new DeleteBucketCommand({ Bucket: name }));
    await expect(uploadFile(options)).rejects.toMatchObject({
      faults: [{ name: 'upload_refused', message: expect.stringContaining('NoSuchBucket') }],
    });
    expect(warnings).toHaveLength(9);
  });

  test('with an upload that was aborted: gone at once', async () => {
    const bucket = open(await makeBucket());
    const { file, grown } = await growTo(24, 24);
    await grown();
    const { options, upload_id, warnings } = await send(bucket, file);
    await bucket.abortUpload({ key: 'x.pcap', upload_id });
    await expect(uploadFile(options)).rejects.toMatchObject({ faults: [{ name: 'upload_gone' }] });
    expect(warnings).toEqual([]);
  });

  test('with signatures that are too old: signed again', async () => {
    const bucket = open(await makeBucket());
    const old = openS3Bucket({
      destination: {
        scheme: 's3',
        bucket: `uploads-${made}`,
        directory: 'dir',
        region: rgw.region,
        endpoint: rgw.endpoint,
      },
      secrets: rgw.owner,
      agents,
      now,
      wall: () => now() - 1_000_000_000_000n,
      waiting: realWaiting,
      silence_ms: 30_000,
    });
    const { file, grown } = await growTo(24, 24);
    await grown();
    const first = await send(bucket, file);
    const { upload_id } = first;
    const signers = [old, old];
    const uploaded = await uploadFile({
      ...first.options,
      sign: async (piece) => {
        const signed = await (signers.shift() ?? bucket).signPiece({ key: 'x.pcap', upload_id, piece });
        // As a sensor whose clock is behind would see it.
        return { ...signed, expires_at: now() + 900_000_000_000n };
      },
    });
    await bucket.completeUpload({ key: 'x.pcap', upload_id, pieces: uploaded.pieces });
    expect(first.warnings.map((one) => one.message).join()).toMatch(/403/);
    expect((await bucket.readObject('x.pcap')).size_bytes).toBe(24n);
  });
});
