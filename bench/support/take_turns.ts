import type { Tree } from './tree.ts';
import { unlessStopped } from './stop.ts';

/** At least 5, and as many in the one order as in the other. */
const rounds = 6;

/** What came of the rounds. */
export interface Turns<T> {
  readonly ours: readonly T[];
  readonly theirs: readonly T[];
}

/** Measures two programs in turn; each comes first as often as the other, so that what one leaves behind is not always the same one's to bear. */
export async function takeTurns<T, P = Tree>(
  [ours, theirs]: readonly [P, P],
  measure: (program: P) => Promise<T>,
): Promise<Turns<T>> {
  const results: { ours: T[]; theirs: T[] } = { ours: [], theirs: [] };
  const mine = async (): Promise<void> => void results.ours.push(await measure(ours));
  const others = async (): Promise<void> => void results.theirs.push(await measure(theirs));
  for (let round = 0; round < rounds; round += 1) {
    for (const turn of round % 2 === 0 ? [mine, others] : [others, mine]) {
      await unlessStopped(turn);
    }
  }
  return results;
}
