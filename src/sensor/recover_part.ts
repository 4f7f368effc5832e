import type { RecoveredPart } from '../capture/spool.ts';
import { fault } from '../model/errors/fault.ts';
import { createSumsFile, readSums, sumsPath } from '../upload/sums/sums_file.ts';
import type { PartState } from './part_state.ts';
import { sumUp } from './part_sums.ts';

/**
 * Works out the state of a part whose process died, from the state on the disk and what is left of its file. A part that is `arming` but has
 * packets was capturing: its process died before it could write `armed`.
 */
export async function recoverPart(state: PartState, file: RecoveredPart | undefined): Promise<PartState> {
  if (state.phase === 'armed' || state.phase === 'arming') return await crashed(state, file);
  return state.phase === 'ended' ? shortened(state, file) : state;
}

/** A part that was capturing when its process died: it ends with what is on the disk. What was lost is not known. */
async function crashed(state: PartState, file: RecoveredPart | undefined): Promise<PartState> {
  const { dropped: _dropped, interface_dropped: _interfaceDropped, ...kept } = state;
  const found = file === undefined ? undefined : await contentOf(state, file);
  const packets = found?.packets ?? 0;
  return {
    ...kept,
    ...(found === undefined ? { packets: 0n, bytes: 0n, unordered: false } : stateOf(found)),
    ...(file?.damaged === true ? { damaged: true } : {}),
    phase: found === undefined || found.file_bytes === 0 ? 'failed' : 'ended',
    stop_reason: 'crashed',
    fault: fault('sensor_crashed', { packets }),
  };
}

interface FoundContent {
  readonly packets: number;
  readonly bytes: number;
  readonly unordered: boolean;
  readonly file_bytes: number;
  readonly checksum?: number;
  /** Packets that no sum was written of before the process died. */
  readonly unproven?: number;
}

function stateOf({ packets, bytes, unordered, file_bytes, checksum, unproven = 0 }: FoundContent): Partial<PartState> {
  return {
    packets: BigInt(packets),
    bytes: BigInt(bytes),
    unordered,
    file_bytes,
    ...(checksum === undefined ? {} : { checksum }),
    ...(unproven === 0 ? {} : { note: `of the last ${unproven} packets it is known only that they are whole` }),
  };
}

/** What is summed up is there or will be missed; behind it whatever is whole is taken, for nothing says otherwise. */
async function contentOf({ assignment }: PartState, file: RecoveredPart): Promise<FoundContent> {
  const { path, file_bytes, packets, bytes, ascending } = file;
  const kept = await readSums(sumsPath(path));
  const last = kept?.points.findLast((point) => point.whole);
  const { piece_bytes } = assignment;
  if (kept === undefined || last === undefined || kept.piece_bytes !== piece_bytes) {
    return { packets, bytes, unordered: !ascending, file_bytes };
  }
  if (file_bytes < last.end_bytes) {
    // Whether the good blocks behind the damage are in order is not known.
    return {
      packets: last.packets,
      bytes: last.bytes,
      unordered: true,
      file_bytes: last.end_bytes,
      checksum: last.checksum,
    };
  }
  const known = kept.points.slice(0, kept.points.indexOf(last) + 1);
  const { points } = await sumUp(path, piece_bytes, file_bytes, known);
  const end = points.at(-1) ?? last;
  const sums = await createSumsFile(sumsPath(path), { ...kept, points }).catch(() => undefined);
  await sums?.close();
  const { checksum } = end;
  return {
    packets: end.packets,
    bytes: end.bytes,
    unordered: !ascending,
    file_bytes,
    checksum,
    unproven: end.packets - last.packets,
  };
}

/** A complete file of which nothing but the number of its packets was written down, by a version before this one. */
function shortened(state: PartState, file: RecoveredPart | undefined): PartState {
  const { packets = 0n, dropped, file_bytes, sorted } = state;
  if (file === undefined || file_bytes !== undefined || sorted === true) return state;
  if (file.damaged === true) return { ...state, damaged: true };
  const gone = packets - BigInt(file.packets);
  if (gone <= 0n) return state;
  const why = fault('part_file_damaged', {
    path: file.path,
    reason: `${file.packets} packets of ${packets} are in it`,
  });
  if (file.packets === 0) return { ...state, phase: 'failed', fault: why };
  return {
    ...state,
    packets: BigInt(file.packets),
    bytes: BigInt(file.bytes),
    ...(dropped === undefined ? {} : { dropped: dropped + gone }),
    missing: [state.missing, `${gone} of ${packets} packets are lost: ${why.message}`].filter(Boolean).join('; '),
  };
}
