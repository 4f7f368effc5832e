import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { type BucketSecrets, canonicalDestination, objectKey } from '../model/destination.ts';
import { FaultError, raise } from '../model/errors/fault.ts';
import type { UploadedPiece } from '../model/piece.ts';
import type { TimeNs } from '../model/time.ts';
import type { GuardedAgents } from '../net/guarded_agent.ts';
import type { Bucket, StoredObject, Upload } from './bucket.ts';
import { checkPieces } from './check_pieces.ts';
import { multipartEtag } from './multipart_etag.ts';
import { keySegments } from './object_key.ts';
import { putStream } from './put_stream.ts';
import { createServiceTime } from './service_time.ts';
import { type S3Destination, s3Client } from './s3_client.ts';
import { s3Fault } from './s3_fault.ts';
import type { Waiting } from './waiting.ts';
import { type Patience, withRetries } from './with_retries.ts';

/** How to open a bucket that speaks S3. */
export interface S3BucketOptions {
  readonly destination: S3Destination;
  /** Absent = the environment's own credentials, which is for the operator to allow. */
  readonly secrets?: BucketSecrets;
  readonly agents: GuardedAgents;
  /** A clock that nobody sets: tells where `wall` was. */
  readonly now: () => TimeNs;
  /** The wall clock. */
  readonly wall: () => TimeNs;
  readonly waiting: Waiting;
  readonly patience?: Patience;
  /** A request is given up when nothing has arrived for this long. */
  readonly silence_ms: number;
}

/** About six seconds in all, and a try that meets silence is the last: somebody may be waiting for the answer, or for the turn. */
const default_patience: Patience = { tries: 6, base_ms: 200, cap_ms: 10_000, within_ms: 10_000 };
const signature_s = 900;
/** Services take signatures that are minutes off. */
const skew_least_ms = 60_000;
/** Many times what any service gives. */
const upload_id_max_chars = 2048;
const octets = 'application/octet-stream';

/** Opens an S3, R2 or Cloud Storage bucket. Makes no request yet. */
export function openS3Bucket(options: S3BucketOptions): Bucket {
  const { destination: place, waiting, patience = default_patience } = options;
  const client: S3Client = s3Client(place, options.secrets, options.agents, options.silence_ms);
  const destination = canonicalDestination(place);
  const at = (key: string): { Bucket: string; Key: string } => ({
    Bucket: place.bucket,
    Key: objectKey(place, keySegments(key).join('/')),
  });
  const of = ({ key, upload_id }: Upload): { Bucket: string; Key: string; UploadId: string } => ({
    ...at(key),
    UploadId: upload_id,
  });
  const service = createServiceTime({
    ...options,
    client,
    look: async () => void (await client.send(new HeadBucketCommand({ Bucket: place.bucket }))),
  });

  const send = <T>(key: string, request: () => Promise<T>, signal?: AbortSignal): Promise<T> =>
    withRetries(
      async () => {
        const known_ms = client.config.systemClockOffset;
        const failed = (error: unknown): never => {
          throw s3Fault(error, { destination, key });
        };
        const answer = await request().catch((error: unknown) => {
          // Where the service has told another time in its refusal, the client signs by that from now on.
          const isSkewed = Math.abs(client.config.systemClockOffset - known_ms) > skew_least_ms;
          return isSkewed ? request().catch(failed) : failed(error);
        });
        service.answered();
        return answer;
      },
      patience,
      waiting,
      signal,
    );
  const aborting = (signal: AbortSignal | undefined): { abortSignal: AbortSignal } | undefined =>
    signal === undefined ? undefined : { abortSignal: signal };
  /** Does the answer's ETag say that other bytes arrived? It says nothing where it is no MD5: with KMS, and at Google. */
  const isOther = (etag: string, expected: string, encryption: string | undefined): boolean => {
    const is_md5 = place.scheme !== 'gs' && (encryption === undefined || encryption === 'AES256');
    return is_md5 && /^[0-9a-f]{32}(-\d+)?$/.test(etag) && etag !== expected;
  };

  const writeObject = async (
    key: string,
    bytes: Uint8Array,
    content_type = octets,
    signal?: AbortSignal,
  ): Promise<StoredObject> => {
    const md5 = createHash('md5').update(bytes).digest();
    const content = { Body: bytes, ContentLength: bytes.length, ContentType: content_type };
    const command = (): PutObjectCommand =>
      new PutObjectCommand({ ...at(key), ...content, ContentMD5: md5.toString('base64') });
    const answer = await send(key, () => client.send(command(), aborting(signal)), signal);
    const etag = unquoted(answer.ETag);
    if (isOther(etag, md5.toString('hex'), answer.ServerSideEncryption)) raise('bucket_checksum', { destination });
    return { size_bytes: BigInt(bytes.length) };
  };

  const startUpload = async (key: string, _piece_bytes: number, content_type = octets): Promise<string> => {
    const command = (): CreateMultipartUploadCommand =>
      new CreateMultipartUploadCommand({ ...at(key), ContentType: content_type });
    const { UploadId: id } = await send(key, () => client.send(command()));
    if (id === undefined || id === '' || id.length > upload_id_max_chars) {
      return raise('bucket_refused', { destination, reason: 'it gave no upload id' });
    }
    return id;
  };

  /** After the bucket lost sight of an upload: is the object there, as it should be? Looks only if it may. */
  const isStored = async (
    key: string,
    expected: { readonly etag: string; readonly size_bytes: bigint },
  ): Promise<boolean> => {
    try {
      const head = await client.send(new HeadObjectCommand(at(key)));
      return unquoted(head.ETag) === expected.etag && BigInt(head.ContentLength ?? -1) === expected.size_bytes;
    } catch {
      return false;
    }
  };

  const completeUpload = async (order: Upload & { pieces: readonly UploadedPiece[] }): Promise<StoredObject> => {
    const { key, pieces } = order;
    const size_bytes = checkPieces(destination, pieces);
    const expected = { etag: multipartEtag(pieces), size_bytes };
    const Parts = pieces.map(({ number, etag }) => ({ PartNumber: number, ETag: `"${etag}"` }));
    const command = (): CompleteMultipartUploadCommand =>
      new CompleteMultipartUploadCommand({ ...of(order), MultipartUpload: { Parts } });
    try {
      const first = await send(key, () => client.send(command()));
      // Ceph 16 tells the ETag only when it is asked a second time; who then fails has still succeeded before.
      const again = unquoted(first.ETag) === '' ? await client.send(command()).catch(() => undefined) : undefined;
      const answer = again ?? first;
      const etag = unquoted(answer.ETag);
      if (isOther(etag, expected.etag, answer.ServerSideEncryption)) raise('bucket_checksum', { destination });
      return { size_bytes };
    } catch (error) {
      // An earlier try may have succeeded and its answer got lost.
      const gone = error instanceof FaultError && error.faults[0].name === 'upload_gone';
      if (gone && (await isStored(key, expected))) return { size_bytes };
      throw error;
    }
  };

  const abortUpload = async (upload: Upload): Promise<void> => {
    try {
      await send(upload.key, () => client.send(new AbortMultipartUploadCommand(of(upload))));
    } catch (error) {
      if (!(error instanceof FaultError && error.faults[0].name === 'upload_gone')) throw error;
    }
  };

  return {
    destination,
    writeObject,
    startUpload,
    completeUpload,
    abortUpload,
    signPiece: async (order) => {
      const { piece } = order;
      const signed_at = (await service.now()) / 1_000_000_000n;
      const command = new UploadPartCommand({
        ...of(order),
        PartNumber: piece.number,
        ContentLength: piece.length_bytes,
        ContentMD5: piece.md5_base64,
      });
      const signingDate = new Date(Number(signed_at) * 1000);
      const url = await getSignedUrl(client, command, { expiresIn: signature_s, signingDate }).catch(
        (error: unknown) => {
          throw s3Fault(error, { destination, key: order.key });
        },
      );
      return {
        url,
        method: 'PUT',
        headers: { 'content-length': String(piece.length_bytes), 'content-md5': piece.md5_base64 },
        expires_at: (signed_at + BigInt(signature_s)) * 1_000_000_000n,
        // In whole seconds, cut: no longer than the signature.
        valid_ns: BigInt(signature_s - 1) * 1_000_000_000n,
        own: false,
      };
    },
    putStream: async (key, bytes, streaming) =>
      putStream(key, bytes, streaming, {
        writeObject,
        startUpload,
        completeUpload,
        abortUpload,
        sendPiece: async (upload, piece, body) => {
          const input = { ...of(upload), PartNumber: piece.number, Body: body, ContentLength: piece.length_bytes };
          const command = (): UploadPartCommand => new UploadPartCommand({ ...input, ContentMD5: piece.md5_base64 });
          const { signal } = streaming;
          const answer = await send(key, () => client.send(command(), aborting(signal)), signal);
          return unquoted(answer.ETag);
        },
      }),
    readObject: async (key, range) => {
      const Range = range === undefined ? {} : { Range: `bytes=${range.first}-${range.last}` };
      try {
        const answer = await send(key, () => client.send(new GetObjectCommand({ ...at(key), ...Range })));
        if (!(answer.Body instanceof Readable)) raise('bucket_refused', { destination, reason: 'it gave no content' });
        const length_bytes = BigInt(answer.ContentLength ?? 0);
        const total = /\/(\d+)$/.exec(answer.ContentRange ?? '')?.[1];
        return { body: answer.Body, length_bytes, size_bytes: total === undefined ? length_bytes : BigInt(total) };
      } catch (error) {
        const name = error instanceof FaultError ? error.faults[0].name : undefined;
        if (name !== 'bucket_denied' && name !== 'bucket_refused') throw error;
        raise('bucket_read_failed', { destination, reason: name === 'bucket_denied' ? 'denied' : 'no such object' });
      }
    },
    removeObject: async (key) => {
      await send(key, () => client.send(new DeleteObjectCommand(at(key))));
    },
  };
}

function unquoted(etag: string | undefined): string {
  return (etag ?? '').replace(/^"(.*)"$/, '$1');
}
