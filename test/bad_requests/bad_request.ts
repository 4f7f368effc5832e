/** One bad request and the exact answer that it gets. */
export interface BadRequest {
  readonly what: string;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS' | 'TRACE';
  /** Below the origin. `{name}` stands for a value of `BadRequestWorld`, here and in headers and bodies. */
  readonly path: string;
  /** Instead of a write token's Authorization. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; a text or bytes as they are. */
  readonly body?: unknown;
  readonly raw?: string | Uint8Array;
  readonly status: number;
  /** All errors in their order: code and pointer. */
  readonly errors: readonly (readonly [code: number, pointer?: string])[];
}

/** What bad requests refer to. */
export type BadRequestWorld = Readonly<
  Record<
    | 'account'
    | 'other_account'
    | 'token'
    | 'read_token'
    | 'other_token'
    | 'expired_token'
    | 'revoked_token'
    | 'email'
    | 'key'
    /** Ids of this account. */
    | 'simple'
    | 'running'
    | 'ownership'
    | 'used_ownership'
    /** Ids of the other account. */
    | 'other_simple'
    | 'other_full'
    | 'other_ownership'
    /** Buckets of this account: proved, and not. */
    | 'bucket'
    | 'bucket_filename'
    | 'pending_bucket'
    | 'pending_filename'
    | 'other_bucket'
    | 'file_root'
    | 'colo',
    string
  >
>;

/** The collection of captures. */
export const pcaps = '/client/v4/accounts/{account}/pcaps';

/** A good look-back, to be spoilt. */
export const simple: Readonly<Record<string, unknown>> = {
  type: 'simple',
  system: 'magic-transit',
  time_limit: 5,
  packet_limit: 10,
};

/** A good full capture, to be spoilt. */
export const full: Readonly<Record<string, unknown>> = {
  type: 'full',
  system: 'magic-transit',
  time_limit: 5,
  colo_name: '{colo}',
  destination_conf: '{bucket}',
};

/** A create that is refused with 400 for these errors. */
export function create(what: string, body: unknown, ...errors: BadRequest['errors']): BadRequest {
  return { what, method: 'POST', path: pcaps, body, status: 400, errors };
}
