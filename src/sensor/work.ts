import type { RecoveredPart, StrayEntry } from '../capture/spool.ts';
import { type Fault, fault } from '../model/errors/fault.ts';
import type { StopReason } from '../model/stop_reason.ts';
import { pcapHeaderBytes } from '../pcap/pcap_header.ts';
import type { Assignment } from '../wire/bus_fields.ts';
import { ArmingGroup } from './arming_group.ts';
import { dueOf } from './due.ts';
import { type PartRunner, type PartRunnerDeps, runPart } from './part_runner.ts';
import { partPaths, readStates, removeBeside } from './part_shelf.ts';
import { partKey, type PartState } from './part_state.ts';
import { recoverPart } from './recover_part.ts';
import { reportingRunner } from './reporting_runner.ts';

/** What keeping the work takes. */
export interface WorkDeps extends PartRunnerDeps {
  /** What the spool held when it was opened, cut to whole records. */
  readonly recovered: readonly RecoveredPart[];
  /** What else it held. */
  readonly strays?: readonly StrayEntry[];
}

/** A part by its names. */
export interface PartName {
  readonly capture_id: string;
  readonly interface: string;
}

/** All parts that a sensor has to do with. */
export interface Work {
  /** The parts that it has anything of, for control to say which of them are over. */
  holds(): readonly PartName[];
  /**
   * Makes what it does equal to what control wants: all of it. Only what control says is `over` is removed, and that of which nothing was
   * captured or everything is delivered: what control has never heard of is kept, and told.
   */
  reconcile(wanted: readonly Assignment[], over: readonly PartName[]): void;
  /** Ends what is done with a part, and removes nothing of it: control cannot take it, for this reason. */
  leave(part: PartName, why: Fault): void;
  /** What is kept for a person to look at, and why. */
  setAside(): readonly Fault[];
  /** Notes how far every part is; once a second. */
  progress(): void;
  /** Ends all capturing and begins nothing any more. Resolves when every file is complete. */
  stop(reason: StopReason): Promise<void>;
  /** Resolves once every part has been delivered, or can do no more. */
  settled(): Promise<void>;
}

/** Takes up what an earlier process has left in the spool, and is ready for more. */
export async function createWork(deps: WorkDeps): Promise<Work> {
  const { spool, clock, outbox } = deps;
  const runners = new Map<string, PartRunner>();
  /** Parts that are wanted no more and not gone yet: putting one in order can take long. */
  const leaving = new Set<string>();
  /** What must be left as it is, and why. */
  const untouched = new Map<string, Fault>();
  /** Parts that control does not know. */
  const unclaimed = new Set<string>();
  const strays: Fault[] = [];
  let stopping = false;

  const { states, unreadable } = await readStates(spool.directory);
  const files = new Map(deps.recovered.map((file) => [partKey(file.capture_id, file.part), file]));
  const leave = (key: string, path: string, reason: string): void => {
    const why = fault('spool_state_unreadable', { path, reason });
    deps.warn(why, path);
    untouched.set(key, why);
  };
  for (const { path, reason } of deps.strays ?? []) {
    const why = fault('spool_stray', { path, reason });
    deps.warn(why, path);
    strays.push(why);
  }
  for (const { key, path, reason } of unreadable) leave(key, path, reason);
  for (const [key, { capture_id, part, file_bytes, cut_bytes, unreadable: reason }] of files) {
    if (states.has(key) || untouched.has(key)) continue;
    // Nothing captures before its state is written, and the state goes last: a file with more than a header has lost its own.
    if (file_bytes + cut_bytes <= pcapHeaderBytes && reason === undefined) await spool.remove(capture_id, part);
    else leave(key, partPaths(spool.directory, capture_id, part).state, 'it is gone');
  }
  const takeUp = async (key: string, state: PartState): Promise<void> => {
    const { assignment, interface: name } = state;
    const file = files.get(key);
    const captured = state.phase === 'armed' || (state.phase === 'arming' && (file?.packets ?? 0) > 0);
    if ((captured || state.phase === 'arming') && file?.unreadable !== undefined)
      return leave(key, spool.path(assignment.capture_id, name), file.unreadable);
    if (captured || state.phase !== 'arming') {
      runners.set(key, runPart(deps, assignment, name, await recoverPart(state, file)));
      return;
    }
    // It has captured nothing. If control still wants it, it begins anew.
    await spool.remove(assignment.capture_id, name);
    await removeBeside(partPaths(spool.directory, assignment.capture_id, name));
  };
  for (const [key, state] of states) {
    // One that the disk does not let be taken up keeps back no other.
    await takeUp(key, state).catch((error: unknown) => {
      const { capture_id } = state.assignment;
      leave(key, partPaths(spool.directory, capture_id, state.interface).state, String(error));
    });
  }

  const take = (assignment: Assignment, name: string, group: ArmingGroup): PartRunner => {
    const kept = untouched.get(partKey(assignment.capture_id, name));
    if (kept !== undefined) return reportingRunner(outbox, assignment, name, kept);
    if (clock.monotonic() < dueOf(assignment, clock).arm)
      return runPart(deps, assignment, name, undefined, group.join());
    return reportingRunner(outbox, assignment, name, fault('part_unknown'));
  };

  /** What becomes of a part that control does not want: `over` is one that it knows. */
  const release = (key: string, runner: PartRunner, over: boolean): void => {
    if (untouched.has(key)) {
      runners.delete(key);
      return void runner.leave();
    }
    if (over || runner.kept() === undefined) {
      runners.delete(key);
      unclaimed.delete(key);
      leaving.add(key);
      void runner.forget().finally(() => leaving.delete(key));
      return;
    }
    if (unclaimed.has(key)) return;
    unclaimed.add(key);
    for (const why of unclaimedFault(key, runner)) deps.warn(why, key);
    // Nobody can end it any more. Its delivery goes on trying, should control come to know it.
    void runner.stop('shutdown');
  };

  return {
    holds: () => [...runners.keys()].map(nameOf),
    reconcile: (wanted, over) => {
      const keys = new Set<string>();
      for (const assignment of wanted) {
        const group = new ArmingGroup(clock);
        for (const name of assignment.interfaces) {
          const key = partKey(assignment.capture_id, name);
          keys.add(key);
          unclaimed.delete(key);
          const runner = runners.get(key);
          if (runner !== undefined) runner.update(assignment);
          else if (!stopping && !leaving.has(key)) runners.set(key, take(assignment, name, group));
        }
      }
      const known = new Set(over.map((part) => partKey(part.capture_id, part.interface)));
      for (const [key, runner] of runners) if (!keys.has(key)) release(key, runner, known.has(key));
    },
    leave: ({ capture_id, interface: name }, why) => {
      const key = partKey(capture_id, name);
      const runner = runners.get(key);
      if (runner === undefined || untouched.has(key)) return;
      deps.warn(why, key);
      untouched.set(key, why);
      void runner.leave();
    },
    setAside: () => [
      ...strays,
      ...untouched.values(),
      ...[...unclaimed].flatMap((key) => unclaimedFault(key, runners.get(key))),
    ],
    progress: () => {
      for (const runner of runners.values()) runner.progress();
    },
    stop: async (reason) => {
      stopping = true;
      await Promise.all([...runners.values()].map(async (runner) => await runner.stop(reason)));
    },
    settled: async () => {
      await Promise.all([...runners.values()].map(async (runner) => await runner.settled));
    },
  };
}

/** What to tell of a part that control does not know; nothing once there is nothing at stake any more. */
function unclaimedFault(key: string, runner: PartRunner | undefined): readonly Fault[] {
  const kept = runner?.kept();
  if (kept === undefined) return [];
  return [fault('part_unclaimed', { capture: nameOf(key).capture_id, path: kept.path, packets: kept.packets })];
}

function nameOf(key: string): PartName {
  const at = key.indexOf('/');
  return { capture_id: key.slice(0, at), interface: key.slice(at + 1) };
}
