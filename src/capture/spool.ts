import { type Dirent, existsSync, statSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { raise } from '../model/errors/fault.ts';
import { isId } from '../model/id.ts';
import { type RecoveredFile, recoverFile } from './recover_file.ts';
import { SpoolShare } from './spool_share.ts';
import { SpoolBudget } from './spool_budget.ts';
import { syncDirectory } from './sync_directory.ts';

const suffix = '.pcap';
/** Whose a file is of which that is not known (yet). */
const nobody = '';

/** A part that an earlier process left in the spool, cut to its last whole record. */
export interface RecoveredPart extends RecoveredFile {
  readonly capture_id: string;
  readonly part: string;
  readonly path: string;
  /** Why it cannot be read: nothing is known of what is in it. */
  readonly unreadable?: string;
}

/** A part's file, open for writing and empty. */
export interface SpoolFile {
  readonly path: string;
  readonly handle: FileHandle;
  /** Resolves when the file's name would survive a power cut. */
  readonly named: Promise<void>;
  /** What its owner has. */
  readonly share: SpoolShare;
  /** Gives bytes that were cut off back to the spool's budget. */
  giveBack(bytes: number): void;
}

/**
 * The sensor's disk area for parts that are not delivered yet: `<directory>/<capture id>/<part>.pcap`, where a part is named
 * by its interface. Others may keep their files beside a part's.
 */
export class Spool {
  readonly directory: string;
  readonly budget: SpoolBudget;
  /** Captures that were ended because their owner's share was used up. */
  shares_refused = 0;
  readonly #shares = new Map<string, SpoolShare>();
  /** Whose each file is. */
  readonly #owners = new Map<string, SpoolShare>();

  /** Use `Spool.open`. */
  private constructor(directory: string, limit_bytes: number, share_percent: number) {
    this.directory = directory;
    this.budget = new SpoolBudget(limit_bytes, share_percent);
  }

  /**
   * Opens a spool, makes its directory, and cuts the torn tails of what is in it, which is nobody's until `own` says whose.
   *
   * @param share_percent what one owner may have of what is its own or free, in hundredths
   */
  static async open(
    directory: string,
    limit_bytes: number,
    share_percent = 100,
  ): Promise<{
    readonly spool: Spool;
    readonly recovered: readonly RecoveredPart[];
    readonly strays: readonly StrayEntry[];
  }> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const spool = new Spool(directory, limit_bytes, share_percent);
    const nobodys = spool.share(nobody);
    const recovered: RecoveredPart[] = [];
    const { folders, strays } = await captureFolders(directory);
    for (const capture_id of folders) {
      for (const entry of await entriesOf(join(directory, capture_id), strays)) {
        if (!entry.name.endsWith(suffix)) continue;
        const part = entry.name.slice(0, -suffix.length);
        const path = join(directory, capture_id, entry.name);
        if (!isPartName(part)) {
          strays.push({ path, reason: 'it is named like no interface' });
          continue;
        }
        if (!entry.isFile()) {
          recovered.push({ capture_id, part, path, ...nothing, unreadable: 'it is not a file' });
          continue;
        }
        // Of a file with sums those say what of it is good, also behind what is damaged.
        const leave = existsSync(`${path}.sums`);
        const file = recoverIfReadable(path, leave);
        nobodys.occupy(file.file_bytes + (leave ? file.cut_bytes : 0));
        recovered.push({ capture_id, part, path, ...file });
      }
    }
    return { spool, recovered, strays };
  }

  /** Where a part's file is. */
  path(capture_id: string, part: string): string {
    if (!isId(capture_id)) throw new RangeError(`"${capture_id}" is not the id of a capture`);
    if (!isPartName(part)) {
      throw new RangeError(`"${part}" is not the name of a part`);
    }
    return join(this.directory, capture_id, `${part}${suffix}`);
  }

  /** What one account has in the spool; undefined stands for files that belong to no account. */
  share(owner: string | undefined): SpoolShare {
    const key = owner ?? nobody;
    const known = this.#shares.get(key);
    if (known !== undefined) return known;
    const share = new SpoolShare(this.budget);
    this.#shares.set(key, share);
    return share;
  }

  /** How much of what it could have the owner has that has most of that, in hundredths. */
  get most_percent(): number {
    return Math.max(0, ...[...this.#shares.values()].map((share) => share.used_percent));
  }

  /** Says whose a file is that was there when the spool was opened: from now on it counts as this one's. */
  own(capture_id: string, part: string, owner: string | undefined): void {
    const path = this.path(capture_id, part);
    const [share, before] = [this.share(owner), this.#owners.get(path) ?? this.share(nobody)];
    if (share === before) return;
    const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    before.release(bytes);
    share.occupy(bytes);
    this.#owners.set(path, share);
  }

  /** Makes a part's file, which counts as its owner's. Throws `spool_write_failed`, also where there is one already. */
  async create(capture_id: string, part: string, owner?: string): Promise<SpoolFile> {
    const path = this.path(capture_id, part);
    const directory = join(this.directory, capture_id);
    let handle: FileHandle;
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      handle = await open(path, 'wx', 0o600);
    } catch (cause) {
      return raise('spool_write_failed', { reason: cause instanceof Error ? cause.message : String(cause) }, { cause });
    }
    const named = syncDirectory(directory).then(() => syncDirectory(this.directory));
    // Heard by whoever awaits it.
    named.catch(() => undefined);
    const share = this.share(owner);
    this.#owners.set(path, share);
    return { path, handle, named, share, giveBack: (bytes) => share.release(bytes) };
  }

  /** Removes a part's file and gives its bytes back to the budget. No error where there is none. */
  async remove(capture_id: string, part: string): Promise<void> {
    const path = this.path(capture_id, part);
    const size = await stat(path).then(
      (found) => found.size,
      () => undefined,
    );
    if (size === undefined) return;
    await rm(path);
    (this.#owners.get(path) ?? this.share(nobody)).release(size);
    this.#owners.delete(path);
    // Stays where others have files in it.
    await rmdir(join(this.directory, capture_id)).catch(() => undefined);
  }
}

/** What is in the spool and was not put there by it, or cannot be looked at: left alone, and told. */
export interface StrayEntry {
  readonly path: string;
  readonly reason: string;
}

/** An interface's name has no slash, and is neither "." nor "..". */
function isPartName(part: string): boolean {
  return /^[^/\0]{1,64}$/.test(part) && part !== '.' && part !== '..';
}

const nothing = { packets: 0, bytes: 0, ascending: true, file_bytes: 0, cut_bytes: 0 };

async function captureFolders(
  directory: string,
): Promise<{ readonly folders: readonly string[]; readonly strays: StrayEntry[] }> {
  const own = (await readdir(directory, { withFileTypes: true })).filter((entry) => isId(entry.name));
  const names = own.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const strays = own.filter((entry) => !entry.isDirectory());
  return {
    folders: names.sort(),
    strays: strays.map(({ name }) => ({ path: join(directory, name), reason: 'it is no directory' })),
  };
}

async function entriesOf(directory: string, strays: StrayEntry[]): Promise<readonly Dirent[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.sort((one, other) => (one.name < other.name ? -1 : 1));
  } catch (error) {
    strays.push({ path: directory, reason: error instanceof Error ? error.message : String(error) });
    return [];
  }
}

/** What the disk does not give keeps no other part from being taken up. */
function recoverIfReadable(path: string, leave: boolean): RecoveredFile & Pick<RecoveredPart, 'unreadable'> {
  try {
    return recoverFile(path, { leave });
  } catch (error) {
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    return { ...nothing, cut_bytes: leave ? size : 0, unreadable: String(error) };
  }
}
