/** An index, or something that it says, cannot be believed. The segment can still be read whole. */
export class IndexDamage extends Error {}

/** An index of a later version: whole, perhaps, but not to be understood here. */
export class IndexNewer extends IndexDamage {
  readonly version: number;

  constructor(version: number) {
    super(`its version is ${version}`);
    this.version = version;
  }
}
