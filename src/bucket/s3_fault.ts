import { type Fault, FaultError, fault } from '../model/errors/fault.ts';

/** What a failed request was about. */
export interface RequestContext {
  /** Canonical, without secrets. */
  readonly destination: string;
  readonly key: string;
}

/** What can be read off anything that the SDK throws. Nothing else of it is used: its other fields can hold secrets. */
interface Traits {
  /** The service's error code (`NoSuchBucket`) or the system's (`ECONNREFUSED`), if it looks like one. */
  readonly code: string;
  readonly status: number | undefined;
  readonly region: string | undefined;
}

const wrongRegion = new Set([
  'PermanentRedirect',
  'TemporaryRedirect',
  'Redirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
  'IncorrectEndpoint',
]);
const passing = new Set([
  'RequestTimeout',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TimeoutError',
  'ServerBusy',
]);
/** What a signature is too old or too new for: right again with the clock. */
const skewed = new Set(['RequestTimeTooSkewed', 'RequestInTheFuture', 'RequestExpired']);
const altered = new Set(['BadDigest', 'InvalidDigest', 'InvalidPart', 'IncompleteBody', 'XAmzContentSHA256Mismatch']);

/**
 * Makes a fault of the catalogue out of whatever a request to S3 failed with. The original error is left behind on
 * purpose: it carries the signed request.
 */
export function s3Fault(error: unknown, { destination, key }: RequestContext): FaultError {
  if (error instanceof FaultError) return new FaultError(error.faults);
  return new FaultError([choose(traitsOf(error), destination, key)]);
}

function choose({ code, status, region }: Traits, destination: string, key: string): Fault {
  if (code === 'NoSuchBucket') return fault('bucket_missing', { destination });
  if (code === 'NoSuchUpload') return fault('upload_gone', { destination, key });
  if (wrongRegion.has(code) || (status !== undefined && status >= 300 && status < 400)) {
    return fault('bucket_region', {
      destination,
      reason: region === undefined ? said(code, status) : `region ${region}`,
      write: region === undefined ? 'region=… (or endpoint=…)' : `region=${region}`,
    });
  }
  if (skewed.has(code)) {
    const reason = `it says that the clock of this machine is wrong (${said(code, status)}): set the clock, for example with NTP`;
    return fault('bucket_unreachable', { destination, reason });
  }
  if (altered.has(code)) return fault('bucket_checksum', { destination });
  if (
    status === undefined ||
    passing.has(code) ||
    status === 408 ||
    status === 429 ||
    (status >= 500 && status !== 501)
  ) {
    return fault('bucket_unreachable', { destination, reason: said(code, status) });
  }
  if (status === 401 || status === 403) return fault('bucket_denied', { destination, code: said(code, status) });
  return fault('bucket_refused', { destination, reason: said(code, status) });
}

/** A short reason made of nothing but the code and the status. */
function said(code: string, status: number | undefined): string {
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'nothing listens there',
    ECONNRESET: 'the connection was cut',
    EPIPE: 'the connection was cut',
    ENOTFOUND: 'its name does not exist',
    EAI_AGAIN: 'its name could not be looked up',
    ETIMEDOUT: 'no answer in time',
    ABORT_ERR: 'no answer in time',
    TimeoutError: 'no answer in time',
  };
  const word = words[code];
  if (word !== undefined) return `${word} (${code})`;
  if (status === undefined) return code;
  return code === '' || code === 'Unknown' || code === 'UnknownError' ? `HTTP ${status}` : `HTTP ${status} ${code}`;
}

function traitsOf(error: unknown): Traits {
  const told = record(error);
  const status = record(told['$metadata'])['httpStatusCode'];
  const candidates = [told['Code'], told['code'], told['name']];
  const code = candidates.find(
    (one) => typeof one === 'string' && /^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(one) && one !== 'Error',
  );
  const headers = record(record(told['$response'])['headers']);
  const region = told['Region'] ?? headers['x-amz-bucket-region'] ?? told['region'];
  return {
    code: typeof code === 'string' ? code : 'Unknown',
    status: typeof status === 'number' ? status : undefined,
    region: typeof region === 'string' && /^[a-z0-9-]{1,32}$/.test(region) ? region : undefined,
  };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
