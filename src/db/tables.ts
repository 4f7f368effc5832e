import type { Generated } from 'kysely';
import type { Covered } from '../model/covered.ts';
import type { Permission } from '../model/principal.ts';
import type { Delivery, PartPhase, StopCause } from '../model/record.ts';
import type { Status } from '../model/status.ts';
import type { StopReason } from '../model/stop_reason.ts';

/** Moments are Unix nanoseconds; yes and no are 1 and 0; JSON is what `toJsonText` writes. */
export interface Tables {
  accounts: AccountsTable;
  tokens: TokensTable;
  users: UsersTable;
  ownerships: OwnershipsTable;
  captures: CapturesTable;
  capture_counts: CaptureCountsTable;
  parts: PartsTable;
  uploads: UploadsTable;
  sensors: SensorsTable;
  audit: AuditTable;
  creates: CreatesTable;
  leases: LeasesTable;
  settings: SettingsTable;
}

/** How many captures each account has of each kind in each status: kept by triggers of `captures`. */
export interface CaptureCountsTable {
  account_id: string;
  type: 'simple' | 'full';
  status: Status;
  captures: bigint;
}

/** Tenants. The scope's lists are JSON: "all" or a list of texts. */
export interface AccountsTable {
  id: string;
  name: string;
  created: bigint;
  sensors: string;
  networks: string;
}

/** API tokens; `hash` is the SHA-256 of the whole token in hex. */
export interface TokensTable {
  id: string;
  account_id: string;
  name: string;
  hash: string;
  permission: Permission;
  created: bigint;
  expires_at: bigint | null;
  last_used: bigint | null;
  revoked_at: bigint | null;
}

/** People who authenticate with email and key; `email` is in lower case. */
export interface UsersTable {
  id: string;
  account_id: string;
  email: string;
  key_hash: string;
  permission: Permission;
  created: bigint;
  revoked_at: bigint | null;
}

/** Buckets. Once removed, `removed_at` is set and the secrets are gone. */
export interface OwnershipsTable {
  id: string;
  account_id: string;
  destination_conf: string;
  filename: string;
  status: 'pending' | 'success';
  submitted: bigint;
  validated: bigint | null;
  /** SHA-256 of the challenge's content, in hex. */
  challenge_digest: string;
  /** Sealed credentials; null where the bucket needs none. */
  sealed: string | null;
  removed_at: bigint | null;
}

/** Captures. `spec` and `scope` are JSON; type and ownership_id repeat what the spec says, for the indexes. */
export interface CapturesTable {
  id: string;
  account_id: string;
  principal_id: string;
  type: 'simple' | 'full';
  spec: string;
  scope: string;
  ownership_id: string | null;
  status: Status;
  submitted: bigint;
  armed_at: bigint | null;
  deadline: bigint | null;
  stop_requested: bigint | null;
  stop_cause: StopCause | null;
  ended_at: bigint | null;
  packets_captured: bigint | null;
  packets_dropped: bigint | null;
  packets_dropped_is_upper_bound: bigint | null;
  packets_past: bigint | null;
  sample_rate: number | null;
  packets_estimated: bigint | null;
  truncated: bigint | null;
  oldest_packet: bigint | null;
  error_message: string | null;
  size_bytes: bigint | null;
  sha256: string | null;
  delivery: Delivery;
  piece_bytes: bigint;
  version: bigint;
}

/** One interface's part of one capture; `past` is JSON. */
export interface PartsTable {
  capture_id: string;
  sensor: string;
  interface: string;
  colo: string;
  ordinal: bigint;
  phase: PartPhase;
  epoch: string | null;
  sequence: bigint;
  armed_at: bigint | null;
  clock_offset: bigint | null;
  began_at: bigint | null;
  linktype: bigint | null;
  packets: bigint | null;
  bytes: bigint | null;
  dropped: bigint | null;
  dropped_is_upper_bound: bigint | null;
  interface_dropped: bigint | null;
  cut: bigint | null;
  stop_reason: StopReason | null;
  unordered: bigint | null;
  error: string | null;
  missing: string | null;
  note: string | null;
  upload_id: string | null;
  upload_attempt: bigint | null;
  object_key: string | null;
  size_bytes: bigint | null;
  sha256: string | null;
  sample_rate: number | null;
  packets_estimated: bigint | null;
  coverage: string | null;
  covered: Covered | null;
  samples_from: bigint | null;
  samples_to: bigint | null;
  past: string | null;
}

/** Multipart uploads, and staged objects that are written in one go, from before their first piece until nothing is left of them that has to be cleared up. */
export interface UploadsTable {
  capture_id: string;
  upload_id: string;
  object_key: string;
  /** The bucket that the capture is delivered into, control's own staging area, or `staged`: an object there that is whole. */
  place: 'bucket' | 'staging' | 'staged';
  /** Of a part in the staging area: what it was when it was written, as JSON; null where nobody said. */
  sums: string | null;
}

/** Sensors as their last heartbeat described them; interfaces and samples are JSON. */
export interface SensorsTable {
  name: string;
  colo: string;
  epoch: string;
  version: bigint;
  generation: bigint;
  last_heard: bigint;
  interfaces: string;
  samples: string;
  spool_used_bytes: bigint;
  spool_limit_bytes: bigint;
  /** What stays when it is called otherwise; null for one that has not told it. */
  sensor_id: string | null;
  /** JSON; null of one that was never called otherwise. */
  earlier_names: string | null;
  /** When it said good-bye; null once it is heard of again. */
  left_at: bigint | null;
}

/** What was done by whom. */
export interface AuditTable {
  id: string;
  at: bigint;
  account_id: string;
  principal_id: string;
  action: string;
  subject: string;
  detail: string;
  address: string;
  /** How many times, within a minute. */
  times: Generated<bigint>;
}

/** Creates of the last minutes, so that a repeated one is known. */
export interface CreatesTable {
  principal_id: string;
  /** Unique per principal: `key:` and the Idempotency-Key, or `body:`, the body's hash and a sequence. */
  claim: string;
  account_id: string;
  body_hash: string;
  /** Counts the creates of one principal and body; 0 for a claim by key. */
  sequence: bigint;
  /** Null where the create was refused. */
  capture_id: string | null;
  at: bigint;
  /** When the request came in. */
  received_at: bigint;
  /** 1 for a retry whose first sending has not shown up (yet). */
  unpaired: bigint;
}

/** Work that one of several controls does. */
export interface LeasesTable {
  name: string;
  holder: string;
  fence: bigint;
  expires_at: bigint;
}

/** Single values by name. */
export interface SettingsTable {
  key: string;
  value: string;
}
