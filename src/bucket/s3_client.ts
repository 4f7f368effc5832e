import { S3Client } from '@aws-sdk/client-s3';
import { type BucketSecrets, type Destination, canonicalDestination } from '../model/destination.ts';
import { FaultError, fault } from '../model/errors/fault.ts';
import type { GuardedAgents } from '../net/guarded_agent.ts';
import { BoundedHandler } from './bounded_handler.ts';

/** A destination that speaks S3. */
export type S3Destination = Exclude<Destination, { readonly scheme: 'file' }>;

/**
 * A client for one destination. It connects through the guarded agents only, follows no redirects, does not repeat
 * requests by itself, bounds every answer, and takes nothing from the environment: neither endpoints nor, unless there are no secrets
 * (`ambient`), credentials.
 *
 * @param silence_ms after so much of it a request is given up; reading, and putting an object together, are given longer
 */
export function s3Client(
  destination: S3Destination,
  secrets: BucketSecrets | undefined,
  agents: GuardedAgents,
  silence_ms: number,
): S3Client {
  const { endpoint, region } = serviceOf(destination);
  return new S3Client({
    region,
    endpoint,
    // A bucket as part of the host name works with AWS itself and needs a wildcard certificate elsewhere.
    forcePathStyle: destination.scheme !== 's3' || destination.endpoint !== undefined,
    ...(secrets === undefined
      ? {}
      : { credentials: { accessKeyId: secrets.access_key_id, secretAccessKey: secrets.secret_access_key } }),
    requestHandler: new BoundedHandler(
      {
        httpAgent: agents.http,
        httpsAgent: agents.https,
        connectionTimeout: Math.min(10_000, silence_ms),
        socketTimeout: silence_ms,
      },
      {
        answer_bytes: 1_048_576,
        answer_ms: 300_000,
        least_bytes_per_ms: 20,
        // Putting a large object together may take S3 a minute, and a reader stands where its client does.
        patient_ms: Math.max(120_000, silence_ms),
      },
      () => {
        const about = { destination: canonicalDestination(destination), reason: 'its answer has no end' };
        return new FaultError([fault('bucket_refused', about)]);
      },
    ),
    // Other servers than AWS refuse the checksum trailers; Content-MD5 guards every body.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 1,
    retryMode: 'standard',
    defaultsMode: 'standard',
    useFipsEndpoint: false,
    useDualstackEndpoint: false,
    useArnRegion: false,
    useAccelerateEndpoint: false,
    disableS3ExpressSessionAuth: true,
    followRegionRedirects: false,
    expectContinueHeader: false,
    userAgentAppId: 'edgetap',
    authSchemePreference: ['aws.auth#sigv4'],
    sigv4aSigningRegionSet: [],
  });
}

/** The server and the region that its signatures name. */
function serviceOf(destination: S3Destination): { readonly endpoint: string; readonly region: string } {
  switch (destination.scheme) {
    case 's3': {
      const { region, endpoint } = destination;
      const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
      return { region, endpoint: endpoint ?? `https://s3.${region}.${domain}` };
    }
    case 'r2': {
      const { account_id, endpoint } = destination;
      return { region: 'auto', endpoint: endpoint ?? `https://${account_id}.r2.cloudflarestorage.com` };
    }
    case 'gs':
      return { region: 'auto', endpoint: destination.endpoint ?? 'https://storage.googleapis.com' };
  }
}
