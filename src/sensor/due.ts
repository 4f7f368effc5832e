import type { Assignment } from '../wire/bus_fields.ts';
import type { Clock } from './clock.ts';

/** Until when a part's work makes sense, on this process's monotonic clock. */
export interface Due {
  /** Arming later than this makes no sense. */
  readonly arm: bigint;
  /** The end of capturing, once a sensor of the capture has armed. */
  readonly capture?: bigint;
  /** The end of delivering; absent where control has not said it to this process. */
  readonly deliver?: bigint;
}

/** What no clock reaches. */
export const never: bigint = 2n ** 63n;

/** Reads an assignment that has just come: what it says to remain counts from now. */
export function dueOf(assignment: Assignment, clock: Clock): Due {
  const { deadline, arm_before, deliver_before, remaining } = assignment;
  const at = clock.monotonic();
  if (remaining !== undefined) {
    const { arm_ns, capture_ns, deliver_ns } = remaining;
    return {
      arm: at + arm_ns,
      deliver: at + deliver_ns,
      ...(capture_ns === undefined ? {} : { capture: at + capture_ns }),
    };
  }
  // A control of the version before says when by its wall clock.
  const ahead = at - clock.now();
  return {
    arm: arm_before + ahead,
    deliver: deliver_before + ahead,
    ...(deadline === undefined ? {} : { capture: deadline + ahead }),
  };
}

/**
 * Takes what a changed assignment says. The end of capturing only ever comes nearer: each word of it is late by the time that it
 * was on its way, so the earliest is the best. An instant of a wall clock that has not changed says nothing new, whatever that
 * clock shows now.
 */
export function tightened(due: Partial<Due>, before: Assignment, changed: Assignment, clock: Clock): Due {
  const said = dueOf(changed, clock);
  const isNews = changed.remaining !== undefined || changed.deadline !== before.deadline;
  const capture = earliest(due.capture, isNews ? said.capture : undefined);
  return { ...said, ...(capture === undefined ? {} : { capture }) };
}

function earliest(one: bigint | undefined, other: bigint | undefined): bigint | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one < other ? one : other;
}
