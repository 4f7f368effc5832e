import { bucketNameProblem } from './bucket_name.ts';
import { directoryProblems, readDirectory } from './destination_directory.ts';
import { type Parameters, readParameters } from './destination_parameters.ts';
import { type Fault, fault } from './errors/fault.ts';
import { type Result, ok, refused } from './result.ts';

interface InBucket {
  readonly bucket: string;
  /** Without slashes at either end; the empty string is the bucket itself. */
  readonly directory: string;
  /** Scheme, host and port, as in `https://minio.example.com:9000`; absent = the service's own. */
  readonly endpoint?: string;
}

/** Where results go, without secrets. */
export type Destination =
  | (InBucket & { readonly scheme: 's3'; readonly region: string })
  | (InBucket & { readonly scheme: 'gs' })
  | (InBucket & { readonly scheme: 'r2'; readonly account_id: string })
  /** `directory` is absolute and normalised. */
  | { readonly scheme: 'file'; readonly directory: string };

/** What opens a bucket. Never in an answer, a log line or an error. */
export interface BucketSecrets {
  readonly access_key_id: string;
  readonly secret_access_key: string;
}

/** A destination as a user wrote it, taken apart. */
export interface ParsedDestination {
  readonly destination: Destination;
  readonly secrets?: BucketSecrets;
}

const longest_chars = 2048;
const default_region = 'us-east-1';
const shape = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?]*)([^?]*)(?:\?(.*))?$/s;
const parametersOf = {
  s3: ['region', 'endpoint', 'access-key-id', 'secret-access-key'],
  gs: ['endpoint', 'access-key-id', 'secret-access-key'],
  r2: ['account-id', 'endpoint', 'access-key-id', 'secret-access-key'],
  file: [],
} as const;

/**
 * Takes a destination apart: `s3://bucket/dir?region=…`, `gs://bucket/dir`, `r2://bucket/dir?account-id=…` (each also
 * `endpoint`, and the pair `access-key-id` and `secret-access-key`), or `file:///dir`. The path and the parameters'
 * values are percent-decoded (RFC 3986); a `+` is a plus. `pointer` is the field's JSON pointer. No fault repeats a value.
 */
export function parseDestination(text: string, pointer: string): Result<ParsedDestination> {
  const field = pointer.slice(pointer.lastIndexOf('/') + 1);
  const invalid = (reason: string): Fault => fault('bucket_uri_invalid', { field, reason }, pointer);
  const hostile = textProblem(text);
  if (hostile !== undefined) return refused(invalid(hostile));
  const found = shape.exec(text);
  const scheme = found?.[1]?.toLowerCase();
  if (found === null || !isScheme(scheme)) return refused(fault('bucket_scheme', { field }, pointer));
  const [authority = '', path = ''] = [found[2], found[3]];
  const { values, problems } = readParameters(found[4], parametersOf[scheme]);
  const segments = readDirectory(path);
  if (segments === undefined) problems.push('its path has a percent sign that is not followed by valid UTF-8 in hex');
  else problems.push(...directoryProblems(segments));
  if (scheme === 'file') {
    if (authority !== '' || path === '')
      problems.push('file:// has no host and an absolute directory: file:///directory');
  } else {
    problems.push(...authorityProblems(scheme, authority), ...missingParameters(scheme, values));
  }
  const [first, ...more] = problems.map(invalid);
  if (first !== undefined) return refused(first, ...more);
  const directory = (segments ?? []).join('/');
  if (scheme === 'file') return ok({ destination: { scheme, directory: `/${directory}` } });
  const endpoint = values.endpoint === undefined ? {} : { endpoint: values.endpoint };
  const destination = withOwn(scheme, { bucket: authority, directory, ...endpoint }, values);
  const { 'access-key-id': access_key_id, 'secret-access-key': secret_access_key } = values;
  if (access_key_id === undefined || secret_access_key === undefined) return ok({ destination });
  return ok({ destination, secrets: { access_key_id, secret_access_key } });
}

/**
 * The keys that a new bucket must bring: `gs://` and `r2://` always, `s3://` unless the operator lends edgetap's own
 * (`ambient`), which go to AWS and to no endpoint that a user names. `file://` needs none.
 */
export function checkSecrets(parsed: ParsedDestination, ambient: boolean, pointer: string): Result<ParsedDestination> {
  const { destination, secrets } = parsed;
  if (destination.scheme === 'file' || secrets !== undefined) return ok(parsed);
  if (destination.scheme !== 's3') {
    return refused(fault('bucket_keys_missing', { scheme: `${destination.scheme}://` }, pointer));
  }
  if (!ambient) return refused(fault('bucket_ambient_refused', {}, pointer));
  return destination.endpoint === undefined ? ok(parsed) : refused(fault('bucket_ambient_endpoint', {}, pointer));
}

/**
 * The one text of a destination, without secrets: two destinations are the same place if and only if theirs are equal.
 * `parseDestination` reads it back to the same value.
 */
export function canonicalDestination(destination: Destination): string {
  const { scheme, directory } = destination;
  if (scheme === 'file') return `file://${encodePath(directory)}`;
  const parameters: [string, string][] = [];
  if (scheme === 's3') parameters.push(['region', destination.region]);
  if (scheme === 'r2') parameters.push(['account-id', destination.account_id]);
  if (destination.endpoint !== undefined) parameters.push(['endpoint', destination.endpoint]);
  const path = directory === '' ? '' : `/${encodePath(directory)}`;
  const query = parameters.map(([name, value]) => `${name}=${value}`).join('&');
  return `${scheme}://${destination.bucket}${path}${query === '' ? '' : `?${query}`}`;
}

/** The full key (or path, for `file://`) of an object of this name under the destination. */
export function objectKey({ directory }: Destination, name: string): string {
  return directory === '' || directory === '/' ? `${directory}${name}` : `${directory}/${name}`;
}

/** The name of an ownership's challenge object. */
export function challengeFilename(ownership_id: string): string {
  return `ownership-challenge-${ownership_id}.txt`;
}

function isScheme(text: string | undefined): text is Destination['scheme'] {
  return text === 's3' || text === 'gs' || text === 'r2' || text === 'file';
}

/** What is wrong with the text as a whole; checked before anything is decoded. */
function textProblem(text: string): string | undefined {
  if (text.length > longest_chars) return `it has ${text.length} characters; the most is ${longest_chars}`;
  if (!text.isWellFormed() || /[\p{Cc}\p{Cf}\p{Z}]/u.test(text))
    return 'it has spaces, control or invisible characters';
  if (text.includes('\\')) return 'it has a backslash';
  if (text.includes('#')) return 'it has a fragment (#); write %23 for the character itself';
  return undefined;
}

function authorityProblems(scheme: 's3' | 'gs' | 'r2', authority: string): string[] {
  if (authority.includes('@')) return ['it has a user name or password before @: keys are parameters'];
  if (authority.includes(':')) return ['a bucket has no port: another server is the parameter endpoint'];
  const problem = bucketNameProblem(scheme, authority);
  return problem === undefined ? [] : [problem];
}

function missingParameters(scheme: 's3' | 'gs' | 'r2', values: Parameters['values']): string[] {
  const missing: string[] = [];
  if (scheme === 'r2' && values['account-id'] === undefined) missing.push('r2:// needs account-id');
  if ((values['access-key-id'] === undefined) !== (values['secret-access-key'] === undefined)) {
    missing.push('access-key-id and secret-access-key belong together: send both or neither');
  }
  return missing;
}

/** Adds what only this kind of bucket has. */
function withOwn(scheme: 's3' | 'gs' | 'r2', place: InBucket, values: Parameters['values']): Destination {
  if (scheme === 's3') return { scheme, ...place, region: values.region ?? default_region };
  if (scheme === 'r2') return { scheme, ...place, account_id: values['account-id'] ?? '' };
  return { scheme, ...place };
}

/** Percent-encodes all but the characters that a path segment may have (RFC 3986 pchar) and the slash. */
function encodePath(path: string): string {
  return encodeURIComponent(path).replace(/%(?:2F|3A|40|24|26|2B|2C|3B|3D)/g, (code) => decodeURIComponent(code));
}
