/** One that has a place. */
export interface Place<Of> {
  readonly of: Of;
  readonly owner: string;
}

/** How many places there are. */
export interface PlaceBounds {
  /** All together. */
  readonly total: number;
  /** Of one owner. */
  readonly per_owner: number;
}

/** Whether there is a place, or which bound has none. */
export type PlaceVerdict = 'free' | 'owner' | 'total';

/** Counts the places that owners have; each has so many at most, and all together. */
export class KeptPlaces<Of> {
  readonly #bounds: PlaceBounds;
  /** By owner; of each the one that was used longest ago first. */
  readonly #owners = new Map<string, Set<Place<Of>>>();
  #taken = 0;

  constructor(bounds: PlaceBounds) {
    this.#bounds = bounds;
  }

  /** How many are taken. */
  get taken(): number {
    return this.#taken;
  }

  /** How many are taken by the owner that has most. */
  get most(): number {
    let most = 0;
    for (const { size } of this.#owners.values()) most = Math.max(most, size);
    return most;
  }

  /** Would this owner get another? */
  verdict(owner: string): PlaceVerdict {
    if ((this.#owners.get(owner)?.size ?? 0) >= this.#bounds.per_owner) return 'owner';
    return this.#taken < this.#bounds.total ? 'free' : 'total';
  }

  /** Takes one, whatever the bounds say. */
  take(owner: string, of: Of): Place<Of> {
    const place = { of, owner };
    const own = this.#owners.get(owner) ?? new Set();
    this.#owners.set(owner, own.add(place));
    this.#taken += 1;
    return place;
  }

  /** Says that one is used now. */
  use(place: Place<Of>): void {
    const own = this.#owners.get(place.owner);
    if (own?.delete(place) === true) own.add(place);
  }

  /** Gives one back; a second time does nothing. */
  give(place: Place<Of>): void {
    const own = this.#owners.get(place.owner);
    if (own?.delete(place) !== true) return;
    this.#taken -= 1;
    if (own.size === 0) this.#owners.delete(place.owner);
  }

  /**
   * Which one has to go for a newcomer: where the owner has too many, one of its own; else one of whoever has most. Of those the one that
   * was used longest ago and may go; undefined where none may.
   */
  toGo(newcomer: string, mayGo: (of: Of) => boolean): Place<Of> | undefined {
    if (this.verdict(newcomer) === 'owner') return firstOf(this.#owners.get(newcomer), mayGo);
    const most = [...this.#owners.values()].toSorted((one, other) => other.size - one.size);
    for (const own of most) {
      const found = firstOf(own, mayGo);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function firstOf<Of>(places: ReadonlySet<Place<Of>> | undefined, mayGo: (of: Of) => boolean): Place<Of> | undefined {
  for (const place of places ?? []) if (mayGo(place.of)) return place;
  return undefined;
}
