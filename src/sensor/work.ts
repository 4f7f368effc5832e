import type { RecoveredPart } from '../capture/spool.ts';
import { fault } from '../model/errors/fault.ts';
import type { StopReason } from '../model/stop_reason.ts';
import type { Assignment } from '../wire/bus_fields.ts';
import type { Outbox } from './outbox.ts';
import { type PartRunner, type PartRunnerDeps, runPart } from './part_runner.ts';
import { readStates } from './part_shelf.ts';
import { type PartState, partKey } from './part_state.ts';

/** What keeping the work takes. */
export interface WorkDeps extends Omit<PartRunnerDeps, 'report'> {
  readonly outbox: Outbox;
  /** What the spool held when it was opened, cut to whole records. */
  readonly recovered: readonly RecoveredPart[];
}

/** All parts that a sensor has to do with. */
export interface Work {
  /** Makes what it does equal to what control wants: all of it. */
  reconcile(wanted: readonly Assignment[]): Promise<void>;
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
  const runnerDeps: PartRunnerDeps = { ...deps, report: async (news) => await outbox.put(news) };
  let stopping = false;

  const { states, unreadable } = await readStates(spool.directory);
  for (const { path, cause } of unreadable)
    deps.warn(fault('spool_state_unreadable', { path, reason: String(cause) }), path);
  const files = new Map(deps.recovered.map((file) => [partKey(file.capture_id, file.part), file]));
  for (const [key, state] of states) {
    if (state.phase === 'arming') {
      // It never captured as far as anybody was told: if control still wants it, it is begun anew.
      await spool.remove(state.assignment.capture_id, state.interface);
      continue;
    }
    const settled = state.phase === 'armed' ? crashed(state, files.get(key)) : state;
    runners.set(key, runPart(runnerDeps, state.assignment, state.interface, settled));
  }

  return {
    reconcile: async (wanted) => {
      const keys = new Set<string>();
      for (const assignment of wanted) {
        for (const name of assignment.interfaces) {
          const key = partKey(assignment.capture_id, name);
          keys.add(key);
          const runner = runners.get(key);
          if (runner !== undefined) runner.update(assignment);
          else if (!stopping && clock.now() < assignment.arm_before) {
            runners.set(key, runPart(runnerDeps, assignment, name, undefined));
          }
        }
      }
      const over = [...runners].filter(([key]) => !keys.has(key));
      for (const [key] of over) runners.delete(key);
      await Promise.all(over.map(async ([, runner]) => await runner.forget()));
    },
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

/** A part that was capturing when its process died: it ends with what is on the disk. What was lost is not known. */
function crashed(state: PartState, file: RecoveredPart | undefined): PartState {
  const { dropped: _dropped, interface_dropped: _interfaceDropped, ...kept } = state;
  const packets = file?.packets ?? 0;
  return {
    ...kept,
    phase: file === undefined || file.file_bytes === 0 ? 'failed' : 'ended',
    packets: BigInt(packets),
    bytes: BigInt(file?.bytes ?? 0),
    stop_reason: 'crashed',
    fault: fault('sensor_crashed', { packets }),
  };
}
