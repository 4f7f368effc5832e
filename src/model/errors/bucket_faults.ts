import type { FaultKind } from './kind.ts';

/** Codes 1200 to 1299. */
export const bucketFaults = {
  bucket_uri_invalid: {
    code: 1200,
    status: 400,
    retry: 'no',
    text: '{field} is not a bucket that edgetap can use: {reason}',
  },
  bucket_scheme: {
    code: 1201,
    status: 400,
    retry: 'no',
    text: '{field} must begin with s3://, gs://, r2:// or file://.',
  },
  bucket_keys_missing: {
    code: 1202,
    status: 400,
    retry: 'no',
    text: '{scheme} needs access-key-id and secret-access-key in the URI.',
  },
  bucket_ambient_refused: {
    code: 1203,
    status: 400,
    retry: 'no',
    text: 's3:// without access-key-id and secret-access-key is refused: this edgetap does not lend its own credentials.',
  },
  bucket_directory_refused: {
    code: 1204,
    status: 400,
    retry: 'no',
    text: 'file:// must lead to a directory under {allowed}.',
  },
  endpoint_refused: {
    code: 1205,
    status: 400,
    retry: 'no',
    text: 'The endpoint {host} leads to {address}, which is loopback, link-local or private: the operator can list it in EDGETAP_ALLOW_ENDPOINTS.',
  },
  endpoint_insecure: {
    code: 1206,
    status: 400,
    retry: 'no',
    text: 'The endpoint must be https://: the operator can list {host} in EDGETAP_ALLOW_ENDPOINTS.',
  },
  bucket_write_failed: {
    code: 1207,
    status: 400,
    retry: 'no',
    text: 'The challenge could not be written into {destination}: {reason}',
  },
  challenge_wrong: {
    code: 1208,
    status: 400,
    retry: 'no',
    text: 'That is not the content of {filename}: read the object in the bucket and send what is in it.',
  },
  challenge_is_filename: {
    code: 1209,
    status: 400,
    retry: 'no',
    text: 'That is the name of the challenge file; send its content instead.',
  },
  bucket_in_use: {
    code: 1210,
    status: 409,
    retry: 'no',
    text: 'The bucket is in use by capture {capture}: stop it, or wait until it has ended.',
  },
  bucket_denied: {
    code: 1211,
    status: 500,
    retry: 'no',
    text: 'The bucket refused the request ({code}): check the credentials and that they allow PutObject on {destination}.',
  },
  bucket_missing: { code: 1212, status: 500, retry: 'no', text: 'The bucket of {destination} does not exist.' },
  bucket_unreachable: { code: 1213, status: 500, retry: 'soon', text: '{destination} cannot be reached: {reason}' },
  bucket_read_failed: {
    code: 1214,
    status: 502,
    retry: 'no',
    text: 'The file is in {destination}, and edgetap may not read it from there ({reason}): fetch it from the bucket.',
  },
  bucket_checksum: {
    code: 1215,
    status: 500,
    retry: 'soon',
    text: '{destination} answered with another checksum than that of the data sent.',
  },
  ownership_exists: {
    code: 1216,
    status: 409,
    retry: 'no',
    text: '{destination} is already a bucket of this account (id {id}).',
  },
  secret_key_invalid: {
    code: 1217,
    status: 500,
    retry: 'no',
    text: 'The key file {path} does not open what was sealed with it: put back the right key file.',
  },
} as const satisfies Record<string, FaultKind>;
