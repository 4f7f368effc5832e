const kept_max = 4096;

/** Which versions of files have been found to be what was delivered. */
export class CheckedVersions {
  readonly #checked = new Set<string>();
  readonly #checking = new Map<string, Promise<void>>();

  /** Has this version been found to have this SHA-256? */
  has(version: string, sha256: string): boolean {
    return this.#checked.has(`${version} ${sha256}`);
  }

  /** Checks it, once for all who ask at the same time; what `check` throws is thrown to all of them. */
  async check(version: string, sha256: string, check: () => Promise<void>): Promise<void> {
    const key = `${version} ${sha256}`;
    const checking = this.#checking.get(key) ?? this.#begin(key, check);
    await checking;
  }

  #begin(key: string, check: () => Promise<void>): Promise<void> {
    const checking = check()
      .then(() => {
        this.#checked.add(key);
        for (const oldest of this.#checked) {
          if (this.#checked.size <= kept_max) break;
          this.#checked.delete(oldest);
        }
        return undefined;
      })
      .finally(() => this.#checking.delete(key));
    this.#checking.set(key, checking);
    return checking;
  }
}
