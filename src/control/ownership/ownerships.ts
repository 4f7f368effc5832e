import type { Bucket } from '../../bucket/bucket.ts';
import { lockAccount } from '../../db/accounts.ts';
import { capturesUsingOwnership } from '../../db/captures.ts';
import type { Database } from '../../db/database.ts';
import {
  insertOwnership,
  listOwnerships,
  ownershipByDestination,
  ownershipById,
  ownershipOf,
  type OwnershipRecord,
  removeOwnership,
  renewOwnership,
  validateOwnership,
} from '../../db/ownerships.ts';
import {
  type BucketSecrets,
  canonicalDestination,
  challengeFilename,
  checkSecrets,
  type Destination,
  type ParsedDestination,
  parseDestination,
} from '../../model/destination.ts';
import { type Fault, FaultError, raise } from '../../model/errors/fault.ts';
import { FairTurns } from '../../model/fair_turns.ts';
import { MinuteRate } from '../../model/minute_rate.ts';
import { idFrom } from '../../model/id.ts';
import type { LimitCounts } from '../../model/limit_counts.ts';
import type { Ownership } from '../../model/ownership.ts';
import type { Actor, RandomBytes } from '../audit.ts';
import type { AuditBook } from '../audit_book.ts';
import type { Caller, OwnershipControl } from '../control.ts';
import type { Quotas } from '../quotas.ts';
import { challengeDigest, isChallenge, isFilename, makeChallenge } from './challenge.ts';
import { readAddBody, readValidateBody } from './ownership_body.ts';
import type { Vault } from './vault.ts';
import { atDestination, writeChallenge } from './write_challenge.ts';

const destinationPointer = '/destination_conf';
const challengePointer = '/ownership_challenge';

/** How often an add starts over because another request added the same bucket meanwhile. */
const add_tries = 3;

/** What ownerships need. */
export interface OwnershipDeps {
  readonly db: Database;
  /** Opens a bucket with the account's credentials, or with none; throws what a user can be told. */
  readonly openBucket: (
    destination: Destination,
    secrets: BucketSecrets | undefined,
    account_id: string,
  ) => Promise<Bucket>;
  readonly vault: Vault;
  /** Does the operator lend edgetap's own credentials to s3:// without keys? */
  readonly ambient: boolean;
  readonly quotas: Quotas;
  readonly limits: LimitCounts;
  /** Milliseconds that never go back. */
  readonly monotonic: () => number;
  readonly random: RandomBytes;
  readonly audit: AuditBook;
}

/** The buckets of accounts. */
export interface Ownerships extends OwnershipControl {
  /**
   * The destination of a bucket, what opens it and whose it is: for delivery and download.
   *
   * @throws FaultError `bucket_read_failed` once it is removed, `not_found`
   */
  open(ownership_id: string): Promise<ParsedDestination & { readonly account_id: string }>;
}

/** Makes the buckets of accounts over a database. */
export function createOwnerships(deps: OwnershipDeps): Ownerships {
  const { db, vault, random, quotas, limits } = deps;
  const adds = new MinuteRate(limits.values.bucket_adds_per_minute);
  limits.measure('bucket_adds_per_minute', () => adds.most(deps.monotonic()));
  const { buckets_adding: per_owner } = limits.values;
  const adding = new FairTurns({ total: Number.POSITIVE_INFINITY, per_owner, waiting_per_owner: 0 });
  limits.measure('buckets_adding', () => adding.most_running);
  const full = (): never => {
    throw new FaultError([limits.refuse('buckets_adding')]);
  };

  /** One try at adding; undefined when another request changed the bucket between the look and the write. */
  const addOnce = async (by: Caller, parsed: ParsedDestination): Promise<Ownership | undefined> => {
    const { account_id } = by;
    const destination_conf = canonicalDestination(parsed.destination);
    const known = await ownershipByDestination(db, account_id, destination_conf);
    if (known?.status === 'success') {
      const params = { destination: destination_conf, id: known.id };
      return raise('ownership_exists', params, { pointer: destinationPointer });
    }
    if (known !== undefined) return await write(by, parsed, known);
    // Counted before there is one: many that come at once are no more than one by one.
    quotas.requireShare(account_id, 'buckets_pending');
    quotas.usage.add(account_id, 'buckets_pending', 1);
    let added: Ownership | undefined;
    try {
      added = await write(by, parsed, undefined);
      return added;
    } finally {
      if (added === undefined) quotas.usage.add(account_id, 'buckets_pending', -1);
    }
  };

  /** Writes the challenge, and the bucket down. */
  const write = async (
    by: Caller,
    parsed: ParsedDestination,
    known: OwnershipRecord | undefined,
  ): Promise<Ownership | undefined> => {
    const { account_id } = by;
    const destination_conf = canonicalDestination(parsed.destination);
    const id = known?.id ?? idFrom(random(16));
    const filename = challengeFilename(id);
    const challenge = makeChallenge(random);
    await writeChallenge(await openFor(parsed, account_id), filename, challenge);
    return await db.transaction(async (tx) => {
      await lockAccount(tx, account_id);
      const ownership: OwnershipRecord = {
        id,
        account_id,
        destination_conf,
        filename,
        status: 'pending',
        submitted: tx.wall(),
        challenge_digest: challengeDigest(challenge),
        ...(parsed.secrets === undefined ? {} : { sealed: vault.seal(parsed.secrets, id) }),
      };
      const stored = await (known === undefined ? insertOwnership(tx, ownership) : renewOwnership(tx, ownership));
      if (!stored) return undefined;
      await deps.audit.write(tx, actorOf(by), { action: 'bucket.add', subject: id, detail: destination_conf });
      return publicOf(ownership);
    });
  };

  const openFor = async ({ destination, secrets }: ParsedDestination, account_id: string): Promise<Bucket> => {
    try {
      return await deps.openBucket(destination, secrets, account_id);
    } catch (error) {
      throw atDestination(error);
    }
  };

  return {
    list: async (by, page) => {
      const { ownerships, total } = await listOwnerships(db, { account_id: by.account_id, ...page });
      return { buckets: ownerships.map(publicOf), total_count: total };
    },

    add: async (by, body) => {
      const checked = checkSecrets(readAddBody(body), deps.ambient, destinationPointer);
      if (!checked.ok) return refuse(checked.faults);
      quotas.requireDisk();
      if (!adds.take(by.account_id, deps.monotonic())) refuse([limits.refuse('bucket_adds_per_minute')]);
      const add = async (): Promise<Ownership> => {
        for (let tries = 1; tries <= add_tries; tries += 1) {
          const added = await addOnce(by, checked.value);
          if (added !== undefined) return added;
        }
        return raise('unavailable', { what: 'This bucket', reason: 'other requests are adding it at this moment' });
      };
      return await adding.take(by.account_id, add, full);
    },

    validate: async (by, body) => {
      const { destination, challenge } = readValidateBody(body);
      const destination_conf = canonicalDestination(destination);
      const known = await ownershipByDestination(db, by.account_id, destination_conf);
      if (known === undefined) {
        return raise('destination_not_owned', { destination: destination_conf }, { pointer: destinationPointer });
      }
      const wrong = (): never => raise('challenge_wrong', { filename: known.filename }, { pointer: challengePointer });
      if (isFilename(challenge, known.filename)) raise('challenge_is_filename', {}, { pointer: challengePointer });
      if (!isChallenge(challenge, known.challenge_digest)) return wrong();
      if (known.status === 'success') return publicOf(known);
      let proved = false;
      const answer = await db.transaction(async (tx) => {
        const validated = tx.wall();
        proved = await validateOwnership(tx, known.id, known.challenge_digest, validated);
        if (proved) {
          const entry = { action: 'bucket.validate', subject: known.id, detail: destination_conf } as const;
          await deps.audit.write(tx, actorOf(by), entry);
          return publicOf({ ...known, status: 'success', validated });
        }
        // Somebody was quicker: with the same proof (well), or with a new challenge or a removal.
        const now = await ownershipOf(tx, by.account_id, known.id);
        return now?.status === 'success' ? publicOf(now) : wrong();
      });
      if (proved) quotas.usage.add(by.account_id, 'buckets_pending', -1);
      return answer;
    },

    remove: async (by, id) => {
      const { status } = await db.transaction(async (tx) => {
        await lockAccount(tx, by.account_id);
        const known = await ownershipOf(tx, by.account_id, id);
        if (known === undefined) return raise('not_found', { what: 'bucket' });
        const [user] = await capturesUsingOwnership(tx, id);
        if (user !== undefined) raise('bucket_in_use', { capture: user.id });
        await removeOwnership(tx, id, tx.wall());
        const entry = { action: 'bucket.remove', subject: id, detail: known.destination_conf } as const;
        await deps.audit.write(tx, actorOf(by), entry);
        return known;
      });
      if (status === 'pending') quotas.usage.add(by.account_id, 'buckets_pending', -1);
    },

    open: async (ownership_id) => {
      const known = await ownershipById(db, ownership_id);
      if (known === undefined) return raise('not_found', { what: 'bucket' });
      const { account_id, destination_conf, sealed } = known;
      if (known.removed_at !== undefined) {
        return raise('bucket_read_failed', { destination: destination_conf, reason: 'the bucket was removed' });
      }
      const parsed = parseDestination(destination_conf, destinationPointer);
      if (!parsed.ok) return refuse(parsed.faults);
      const { destination } = parsed.value;
      const opened = { account_id, destination };
      return sealed === undefined ? opened : { ...opened, secrets: vault.open(sealed, ownership_id) };
    },
  };
}

/** What a client may see of a bucket. */
function publicOf(record: OwnershipRecord): Ownership {
  const { challenge_digest: _digest, sealed: _sealed, removed_at: _removed, ...ownership } = record;
  return ownership;
}

function refuse(faults: readonly Fault[]): never {
  const [first, ...more] = faults;
  if (first === undefined) throw new TypeError('a refusal has a fault');
  throw new FaultError([first, ...more]);
}

function actorOf({ account_id, principal, address }: Caller): Actor {
  return { account_id, principal_id: principal.id, address };
}
