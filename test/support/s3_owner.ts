import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  type MultipartUpload,
  PutBucketPolicyCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { type CephRgw, type RgwUser, startCephRgw } from './ceph_rgw.ts';
import { putOnlyPolicy } from './put_only_policy.ts';
import type { Served } from './serve.ts';

/** A gateway, and its owner's own eyes and hands: all that a test looks at it gets from here, not through edgetap. */
export interface S3Owner {
  readonly rgw: CephRgw;
  /** Makes a bucket; with a writer, one in which that user may put objects and do nothing else. */
  makeBucket(name: string, writer?: RgwUser): Promise<void>;
  /** Removes a bucket with all that is in it. */
  removeBucket(name: string): Promise<void>;
  /** The URI of a directory in a bucket, with the keys that open it (the owner's by default). */
  uri(bucket: string, options?: UriOptions): string;
  keys(bucket: string): Promise<string[]>;
  read(bucket: string, key: string): Promise<Buffer>;
  /** SHA-256 and size of an object, read as a stream. */
  digest(bucket: string, key: string): Promise<{ readonly sha256: string; readonly size_bytes: number }>;
  /** The keys of the multipart uploads that are not finished. */
  uploads(bucket: string): Promise<string[]>;
  /** How many pieces the one unfinished upload has; 0 without one. */
  pieces(bucket: string): Promise<number>;
  stop(): Promise<void>;
}

/** What a destination may differ in. */
export interface UriOptions {
  readonly scheme?: 's3' | 'r2' | 'gs';
  readonly user?: Pick<RgwUser, 'access_key_id' | 'secret_access_key'>;
  readonly endpoint?: string;
  readonly directory?: string;
}

/** Starts a Ceph gateway of its own. */
export async function startS3Owner(): Promise<S3Owner> {
  const rgw = await startCephRgw();
  const { access_key_id: accessKeyId, secret_access_key: secretAccessKey } = rgw.owner;
  const client = new S3Client({
    endpoint: rgw.endpoint,
    region: rgw.region,
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    credentials: { accessKeyId, secretAccessKey },
  });
  const unfinished = async (bucket: string): Promise<MultipartUpload[]> =>
    (await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads ?? [];
  const body = async (bucket: string, key: string): Promise<Readable> => {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    if (!(Body instanceof Readable)) throw new Error(`${bucket}/${key} has no content`);
    return Body;
  };
  const keys = async (bucket: string): Promise<string[]> => {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
    return Contents.flatMap(({ Key }) => Key ?? []);
  };
  return {
    rgw,
    makeBucket: async (name, writer) => {
      await client.send(new CreateBucketCommand({ Bucket: name }));
      if (writer === undefined) return;
      await client.send(new PutBucketPolicyCommand({ Bucket: name, Policy: putOnlyPolicy(name, writer, rgw.owner) }));
    },
    removeBucket: async (name) => {
      for (const key of await keys(name)) await client.send(new DeleteObjectCommand({ Bucket: name, Key: key }));
      // The gateway does not let go of a bucket with unfinished uploads; its administrator does.
      await rgw.admin(['bucket', 'rm', '--bucket', name, '--purge-objects', '--yes-i-really-mean-it']);
    },
    uri: (bucket, { scheme = 's3', user = rgw.owner, endpoint = rgw.endpoint, directory = 'dir' } = {}) => {
      const own = { s3: `region=${rgw.region}&`, r2: `account-id=${'ab'.repeat(16)}&`, gs: '' }[scheme];
      const secrets = `access-key-id=${user.access_key_id}&secret-access-key=${user.secret_access_key}`;
      return `${scheme}://${bucket}/${directory}?${own}endpoint=${endpoint}&${secrets}`;
    },
    keys,
    read: async (bucket, key) => {
      const chunks: Buffer[] = [];
      for await (const chunk of await body(bucket, key)) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    },
    digest: async (bucket, key) => {
      const hash = createHash('sha256');
      let size_bytes = 0;
      for await (const chunk of await body(bucket, key)) {
        hash.update(chunk as Buffer);
        size_bytes += (chunk as Buffer).length;
      }
      return { sha256: hash.digest('hex'), size_bytes };
    },
    uploads: async (bucket) => (await unfinished(bucket)).flatMap(({ Key }) => Key ?? []),
    pieces: async (bucket) => {
      const [upload] = await unfinished(bucket);
      if (upload === undefined) return 0;
      const { Parts = [] } = await client.send(
        new ListPartsCommand({ Bucket: bucket, Key: upload.Key, UploadId: upload.UploadId }),
      );
      return Parts.length;
    },
    stop: async () => {
      client.destroy();
      await rgw.stop();
    },
  };
}

/** Adds a bucket and proves it with the object that its owner finds there; gives the ownership as validated. */
export async function proveS3Bucket(
  served: Served,
  owner: S3Owner,
  bucket: string,
  options: UriOptions = {},
): Promise<{ readonly id: string; readonly destination_conf: string; readonly filename: string }> {
  const added = await served.call('POST', '/pcaps/ownership', { destination_conf: owner.uri(bucket, options) });
  if (added.status !== 200) throw new Error(`${added.status}: ${JSON.stringify(added.body.errors)}`);
  const { id, destination_conf, filename } = added.body.result as Record<
    'id' | 'destination_conf' | 'filename',
    string
  >;
  const { directory = 'dir' } = options;
  const ownership_challenge = (await owner.read(bucket, `${directory}/${filename}`)).toString();
  const proved = await served.call('POST', '/pcaps/ownership/validate', { destination_conf, ownership_challenge });
  if (proved.status !== 200) throw new Error(`${proved.status}: ${JSON.stringify(proved.body.errors)}`);
  return { id, destination_conf, filename };
}
