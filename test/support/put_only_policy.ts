import type { RgwUser } from './ceph_rgw.ts';

/** What the writer is refused. Ceph 16.2 does not follow `NotAction`, so that it has to be named. */
const refused = ['s3:Get*', 's3:List*', 's3:Delete*', 's3:AbortMultipartUpload', 's3:PutBucket*', 's3:PutObjectAcl'];

/**
 * A bucket policy (JSON) that lets `writer` put objects and nothing else, and lets `reader` (the bucket's owner, in a test
 * that looks at the result) read all. Without it the gateway would let each read what they have put themselves and nothing
 * of the other's, for objects belong to who put them; in S3 of today they belong to the bucket's owner.
 */
export function putOnlyPolicy(bucket: string, writer: RgwUser, reader: RgwUser): string {
  const principal = (user: RgwUser): object => ({ AWS: [`arn:aws:iam:::user/${user.name}`] });
  const Resource = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`];
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Principal: principal(writer), Resource, Action: ['s3:PutObject'] },
      { Effect: 'Deny', Principal: principal(writer), Resource, Action: refused },
      { Effect: 'Allow', Principal: principal(reader), Resource, Action: ['s3:*'] },
    ],
  });
}
