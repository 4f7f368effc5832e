import { captureById, updateCapture } from '../../db/captures.ts';
import type { Transaction } from '../../db/database.ts';
import { insertParts, partsOf, updatePart } from '../../db/parts.ts';
import { bumpGeneration } from '../../db/sensors.ts';
import { raise } from '../../model/errors/fault.ts';
import type { PartRecord } from '../../model/record.ts';
import type { Patch } from '../../db/patch.ts';
import type { CaptureEvent } from '../../plan/capture_event.ts';
import type { CaptureState, Effect } from '../../plan/capture_state.ts';
import type { MachineTimes } from '../../plan/machine_times.ts';
import { step } from '../../plan/step.ts';

/** Changes to these fields of a record. */
type ChangesOf<T, Key extends keyof T> = Patch<Pick<T, Key>>;

const recordKeys = [
  'status',
  'armed_at',
  'deadline',
  'stop_requested',
  'stop_cause',
  'ended_at',
  'packets_captured',
  'packets_dropped',
  'packets_dropped_is_upper_bound',
  'packets_past',
  'sample_rate',
  'packets_estimated',
  'truncated',
  'oldest_packet',
  'error_message',
  'size_bytes',
  'sha256',
] as const;

const partKeys = [
  'phase',
  'epoch',
  'sequence',
  'armed_at',
  'clock_offset',
  'began_at',
  'linktype',
  'packets',
  'bytes',
  'dropped',
  'dropped_is_upper_bound',
  'interface_dropped',
  'cut',
  'stop_reason',
  'unordered',
  'error',
  'missing',
  'note',
  'size_bytes',
  'sha256',
  'past',
] as const;

/** What an event changed, once its transaction has committed. */
export interface Applied {
  readonly state: CaptureState;
  readonly effects: readonly Effect[];
  /** Its parts that are new. */
  readonly fresh: readonly PartRecord[];
  /** The new generations of the sensors whose work has changed: worth a nudge. */
  readonly generations: ReadonlyMap<string, bigint>;
}

/**
 * Takes events into a capture, in one transaction: state, parts and the sensors' generations change together.
 * Undefined when there is no such capture. Throws `lease_lost` when somebody else changed it at the same moment.
 */
export async function applyEvents(
  tx: Transaction,
  captureId: string,
  events: readonly CaptureEvent[],
  times: MachineTimes,
): Promise<Applied | undefined> {
  const record = await captureById(tx, captureId);
  if (record === undefined) return undefined;
  const before: CaptureState = { record, parts: await partsOf(tx, captureId) };
  let state = before;
  const effects: Effect[] = [];
  for (const event of events) {
    const next = step(state, event, times);
    state = next.state;
    effects.push(...next.effects);
  }
  const patch = changes(before.record, state.record, recordKeys);
  const { fresh, updated } = await saveParts(tx, before.parts, state.parts);
  // Also where only a part has changed: the version is that of everything that its owner sees.
  const changed = updated || fresh.length > 0 || Object.keys(patch).length > 0;
  if (changed && !(await updateCapture(tx, captureId, record.version, patch))) {
    raise('lease_lost', { lease: `capture ${captureId}` });
  }
  const sensors = new Set(effects.flatMap((effect) => (effect.kind === 'work_changed' ? effect.sensors : [])));
  return { state, effects, fresh, generations: await bumpGeneration(tx, [...sensors]) };
}

/** Saves what is another one than before: parts that are new, and those that have changed. */
async function saveParts(
  tx: Transaction,
  before: readonly PartRecord[],
  after: readonly PartRecord[],
): Promise<{ readonly fresh: readonly PartRecord[]; readonly updated: boolean }> {
  const known = new Map(before.map((part) => [part.ordinal, part]));
  const fresh: PartRecord[] = [];
  let updated = false;
  for (const part of after) {
    const old = known.get(part.ordinal);
    if (old === undefined) fresh.push(part);
    else if (old !== part) {
      await updatePart(tx, part, changes(old, part, partKeys));
      updated = true;
    }
  }
  await insertParts(tx, fresh);
  return { fresh, updated };
}

/** The fields of `keys` that differ; null for one that is not there any more. */
function changes<T extends object, Key extends keyof T>(before: T, after: T, keys: readonly Key[]): ChangesOf<T, Key> {
  const differing = keys.filter((key) => after[key] !== before[key]);
  return Object.fromEntries(differing.map((key) => [key, after[key] ?? null])) as ChangesOf<T, Key>;
}
