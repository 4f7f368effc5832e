import type { Talker } from '../model/estimate.ts';

/** The talkers of several places, each pair of addresses once: the `count` with the most bytes, these first. */
export function topTalkers(lists: readonly (readonly Talker[])[], count: number): readonly Talker[] {
  const pairs = new Map<string, Talker>();
  for (const talker of lists.flat()) {
    const key = `${talker.source} ${talker.destination}`;
    const before = pairs.get(key);
    pairs.set(key, before === undefined ? talker : added(before, talker));
  }
  return [...pairs.values()].toSorted(compare).slice(0, count);
}

function added(one: Talker, other: Talker): Talker {
  return {
    ...one,
    packets_estimated: one.packets_estimated + other.packets_estimated,
    bytes_estimated: one.bytes_estimated + other.bytes_estimated,
  };
}

/** The most bytes first; what has as many is in the order of its addresses, so that the same question has the same answer. */
function compare(one: Talker, other: Talker): number {
  if (one.bytes_estimated !== other.bytes_estimated) return one.bytes_estimated > other.bytes_estimated ? -1 : 1;
  return textOf(one) < textOf(other) ? -1 : 1;
}

function textOf({ source, destination }: Talker): string {
  return `${source} ${destination}`;
}
