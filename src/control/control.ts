import type { Capture } from '../model/capture.ts';
import type { Fault } from '../model/errors/fault.ts';
import type { Estimate } from '../model/estimate.ts';
import type { Ownership } from '../model/ownership.ts';
import type { Principal } from '../model/principal.ts';
import type { Status } from '../model/status.ts';
import type { TimeNs } from '../model/time.ts';

/** What a request brought to prove who sends it, as the headers have it. The bearer wins where both came. */
export interface Credentials {
  /** The Authorization header, whole: `Bearer TOKEN`. */
  readonly authorization?: string;
  /** The X-Auth-Email and X-Auth-Key headers. */
  readonly auth_email?: string;
  readonly auth_key?: string;
}

/** Who asks, in which account, from where. */
export interface Caller {
  readonly principal: Principal;
  /** The account of the path; the API has refused any other than the principal's own before it calls. */
  readonly account_id: string;
  /** The client's address, behind trusted proxies too: for audit rows. */
  readonly address: string;
  /** For audit rows and the log. */
  readonly request_id: string;
}

/** What says that a create was sent before: see "Repeats" in docs/api.md. */
export interface Repeat {
  /** `X-Stainless-Retry-Count`: 0 for a first attempt. */
  readonly retry_count: number;
  /** `Idempotency-Key`. */
  readonly idempotency_key?: string;
}

/** How much of its rate of creates a caller has left. */
export interface Rate {
  /** Creates allowed in a window. */
  readonly limit: number;
  readonly window_s: number;
  readonly remaining: number;
  /** Until one more is allowed than `remaining` says; 0 when nothing is used. */
  readonly reset_s: number;
}

/** The answer to a create: the capture, or the rate limit (`rate_limited` or `running_limit`) that refused it. */
export type Created =
  | { readonly ok: true; readonly capture: Capture; readonly rate: Rate }
  | { readonly ok: false; readonly fault: Fault; readonly rate: Rate };

/** Which captures to list: newest first. */
export interface CaptureQuery {
  /** From 1. */
  readonly page: number;
  readonly per_page: number;
  readonly status?: Status;
  readonly type?: 'simple' | 'full';
  /** The id of a capture: only those that come after it. */
  readonly before?: string;
}

/** A page of buckets, and how many there are on all pages. */
export interface BucketList {
  readonly buckets: readonly Ownership[];
  readonly total_count: number;
}

/** A page of captures, and how many there are on all pages. */
export interface CaptureList {
  readonly captures: readonly Capture[];
  readonly total_count: number;
}

/** Bytes of a file: both ends counted, from 0. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** A result file, found and ready, not opened yet. */
export interface Download {
  /** `pcap_<id>.pcap` or `.pcapng`. */
  readonly filename: string;
  /** `application/vnd.tcpdump.pcap` or `application/x-pcapng`. */
  readonly media_type: string;
  readonly size_bytes: number;
  /** A strong entity tag, with its quotes. */
  readonly etag: string;
  readonly last_modified: TimeNs;
  /**
   * Opens it and writes the audit row. The whole file, or a range that lies within it. Leaving the iteration early closes
   * what it holds.
   *
   * @throws {FaultError} `bucket_read_failed`, `bucket_unreachable`
   */
  open(range?: ByteRange): Promise<AsyncIterable<Uint8Array>>;
}

/** Captures. Every method throws `not_found` for an id that is unknown or another account's. */
export interface CaptureControl {
  /**
   * Creates a capture, or returns the one that this request repeats.
   *
   * @param body parsed JSON, unchecked
   * @throws {FaultError} every fault of the body at once; `scope_empty`, `idempotency_mismatch`
   */
  create(by: Caller, body: unknown, repeat: Repeat): Promise<Created>;
  /** @throws {FaultError} `parameter_invalid` for a `before` that is none of the account's captures */
  list(by: Caller, query: CaptureQuery): Promise<CaptureList>;
  get(by: Caller, id: string): Promise<Capture>;
  /** Idempotent. @throws {FaultError} `not_stoppable` for a simple capture */
  stop(by: Caller, id: string): Promise<void>;
  /**
   * Ends a capture that has not ended as failed, and removes what edgetap holds of it; of a look-back that has ended, its file and its row.
   * What is in a bucket already stays. Idempotent.
   */
  discard(by: Caller, id: string): Promise<void>;
  /** @throws {FaultError} `result_not_ready`, `result_running`, `result_none`, `result_expired`, `bucket_read_failed` */
  download(by: Caller, id: string): Promise<Download>;
}

/** What captures would catch. */
export interface EstimateControl {
  /**
   * Asks the sensors' samples what a capture would catch. Creates nothing. `gone` fires when nobody waits for it any more.
   *
   * @param body parsed JSON, unchecked: that of a create
   * @throws {FaultError} every fault of the body at once; `scope_empty`, `estimates_busy`, `unavailable`
   */
  estimate(by: Caller, body: unknown, gone: AbortSignal): Promise<Estimate>;
}

/** Buckets of an account. */
export interface OwnershipControl {
  /** Newest first. */
  list(by: Caller, query: { readonly page: number; readonly per_page: number }): Promise<BucketList>;
  /**
   * Writes the challenge into the bucket and remembers it as pending.
   *
   * @param body parsed JSON, unchecked: `{ destination_conf }`
   * @throws {FaultError} every fault of the body at once, or what the bucket refused
   */
  add(by: Caller, body: unknown): Promise<Ownership>;
  /**
   * @param body parsed JSON, unchecked: `{ destination_conf, ownership_challenge }`
   * @throws {FaultError} `challenge_wrong`, `challenge_is_filename`, `destination_not_owned`
   */
  validate(by: Caller, body: unknown): Promise<Ownership>;
  /** @throws {FaultError} `not_found`, `bucket_in_use` */
  remove(by: Caller, id: string): Promise<void>;
}

/** An account as its own principals see it. */
export interface AccountInfo {
  readonly id: string;
  readonly name: string;
  readonly created: TimeNs;
}

/** A token that is good now. */
export interface TokenInfo {
  readonly id: string;
  readonly status: 'active';
  readonly expires_on?: TimeNs;
}

/** Can requests be served, and what does not work. */
export interface Readiness {
  readonly ready: boolean;
  /** Every part that was looked at. */
  readonly parts: readonly ReadinessPart[];
  /** Those of all parts. */
  readonly reasons: readonly string[];
}

/** A part of edgetap, and what is wrong with it. */
export interface ReadinessPart {
  readonly name: string;
  readonly reasons: readonly string[];
}

/**
 * All that the API asks of control: the one seam between them. Methods throw `FaultError` with faults of the catalogue;
 * anything else that is thrown is a defect and answered with 500.
 */
export interface Control {
  /** @throws {FaultError} `unauthorized`, `token_expired` */
  authenticate(credentials: Credentials): Promise<Principal>;
  verifyToken(principal: Principal): Promise<TokenInfo>;
  /** The accounts that these credentials reach: one, today. */
  accounts(principal: Principal): Promise<readonly AccountInfo[]>;
  readonly captures: CaptureControl;
  readonly estimates: EstimateControl;
  readonly ownerships: OwnershipControl;
  readiness(): Promise<Readiness>;
  /** Prometheus text. */
  metrics(): Promise<string>;
}
