import { createHash } from 'node:crypto';
import { FairTurns } from '../../model/fair_turns.ts';
import type { LimitCounts } from '../../model/limit_counts.ts';

/** So many versions are remembered of each account: what one downloads makes no other's be read anew. */
const kept_max = 1024;
/** So much is read within a turn. */
const turn_bytes = 8 << 20;

/** A file, as it is now. */
export interface FileVersion {
  /** Whose it is. */
  readonly account_id: string;
  /** Of the bucket: another one once somebody has written it. */
  readonly version: string;
  /** 64 hexadecimal characters. */
  readonly sha256: string;
}

/**
 * Which versions of files have been found to be what was written. Checking takes the disk and the processor for as long as the file is long, so
 * accounts check in turns of a few megabytes, and each file once for all who ask.
 */
export class CheckedVersions {
  /** By account, the one that was used longest ago first. */
  readonly #checked = new Map<string, Set<string>>();
  readonly #checking = new Map<string, Promise<void>>();
  /** Of an account one file after the other is read; of all together so many pieces. */
  readonly #files = new FairTurns({ total: Number.POSITIVE_INFINITY, per_owner: 1 });
  readonly #turns: FairTurns;

  constructor(limits: LimitCounts) {
    this.#turns = new FairTurns({ total: limits.values.download_checks, per_owner: 1 });
    limits.measure('download_checks', () => this.#turns.running);
  }

  /** Has this version been found to have this SHA-256? */
  has(file: FileVersion): boolean {
    const own = this.#checked.get(file.account_id);
    const key = keyOf(file);
    if (own?.delete(key) !== true) return false;
    own.add(key);
    return true;
  }

  /**
   * Checks a file, once for all who ask at the same time; what reading throws is thrown to all of them.
   *
   * @param read opens all of it, for the version that is checked
   * @throws what `other` gives, where it has another SHA-256
   */
  async check(file: FileVersion, read: () => Promise<AsyncIterable<Uint8Array>>, other: () => Error): Promise<void> {
    const key = `${file.account_id} ${keyOf(file)}`;
    const checking = this.#checking.get(key) ?? this.#begin(key, file, read, other);
    await checking;
  }

  #begin(
    key: string,
    file: FileVersion,
    read: () => Promise<AsyncIterable<Uint8Array>>,
    other: () => Error,
  ): Promise<void> {
    const checking = (async (): Promise<void> => {
      const digest = async (): Promise<string> => await this.#digest(file.account_id, read);
      if ((await this.#files.take(file.account_id, digest, none)) !== file.sha256) throw other();
      this.#remember(file);
    })().finally(() => this.#checking.delete(key));
    this.#checking.set(key, checking);
    return checking;
  }

  async #digest(account_id: string, read: () => Promise<AsyncIterable<Uint8Array>>): Promise<string> {
    const inTurn = async <T>(run: () => Promise<T>): Promise<T> => await this.#turns.take(account_id, run, none);
    const hash = createHash('sha256');
    const chunks = await inTurn(async () => (await read())[Symbol.asyncIterator]());
    for (let over = false; !over; ) {
      over = await inTurn(async () => {
        for (let done = 0; done < turn_bytes; ) {
          const next = await chunks.next();
          if (next.done === true) return true;
          hash.update(next.value);
          done += next.value.length;
        }
        return false;
      });
    }
    return hash.digest('hex');
  }

  #remember(file: FileVersion): void {
    const own = this.#checked.get(file.account_id) ?? new Set();
    this.#checked.set(file.account_id, own.add(keyOf(file)));
    for (const oldest of own) {
      if (own.size <= kept_max) break;
      own.delete(oldest);
    }
  }
}

function keyOf({ version, sha256 }: FileVersion): string {
  return `${version} ${sha256}`;
}

/** However many wait: their number is bounded by that of the downloads. */
function none(): never {
  throw new TypeError('a check was refused its turn');
}
