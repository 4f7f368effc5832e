import type { Tree } from './tree.ts';
import type { Turns } from './take_turns.ts';

/** What is told of one measurement: one JSON line on standard output (design, section 9). */
export interface Figure {
  readonly bench: string;
  readonly case: string;
  readonly unit: string;
  /** Median over the runs. */
  readonly ours: number;
  readonly peer?: string;
  readonly theirs?: number;
  /** How many times better than the peer: above 1 is better, whatever the unit. */
  readonly ratio?: number;
  /** The least ratio wanted; without a peer, the most (of a cost) or the least (of a rate) wanted of `ours`. */
  readonly goal: number;
  readonly met: boolean;
}

/**
 * A benchmark: gives its figures as it goes. Against another tree, that one is the peer of every figure; otherwise other programs are. Throws
 * where it cannot be done, a missing peer included.
 */
export type Benchmark = (against: Tree | undefined) => AsyncIterable<Figure>;

/** Against another tree: at most 5 % slower. */
const against_goal = 0.95;

/** Is less of this unit better, or more? */
export type Better = 'less' | 'more';

/** Compares the medians of two lists of runs. */
export function compared(options: {
  readonly bench: string;
  readonly case: string;
  readonly unit: string;
  readonly better: Better;
  readonly ours: readonly number[];
  readonly peer: string;
  readonly theirs: readonly number[];
  readonly goal: number;
  /** What the unit cannot tell from nothing: added to both before they are divided, so that a cost of 0 has a ratio. */
  readonly resolution?: number;
}): Figure {
  const { better, resolution = 0, goal } = options;
  const [ours, theirs] = [median(options.ours), median(options.theirs)];
  const [a, b] = [ours + resolution, theirs + resolution];
  const ratio = rounded(better === 'less' ? b / a : a / b);
  return {
    bench: options.bench,
    case: options.case,
    unit: options.unit,
    ours: rounded(ours),
    peer: options.peer,
    theirs: rounded(theirs),
    ratio,
    goal,
    met: ratio >= goal,
  };
}

/** Compares what came of the turns of this tree and another one. */
export function comparedTrees(options: {
  readonly bench: string;
  readonly case: string;
  readonly unit: string;
  readonly better: Better;
  readonly turns: Turns<number>;
  readonly against: Tree;
  readonly resolution?: number;
}): Figure {
  const { turns, against, ...of } = options;
  return compared({ ...of, ...turns, peer: against.name, goal: against_goal });
}

/** Judges the median of our own runs by itself. */
export function alone(options: {
  readonly bench: string;
  readonly case: string;
  readonly unit: string;
  readonly better: Better;
  readonly ours: number;
  readonly goal: number;
}): Figure {
  const { bench, unit, better, goal } = options;
  const ours = rounded(options.ours);
  return { bench, case: options.case, unit, ours, goal, met: better === 'less' ? ours <= goal : ours >= goal };
}

/** The middle one; of an even number, the mean of the two in the middle. */
function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('there is no median of nothing');
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}

/** Four significant digits. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
