import type { DatabaseClock } from '../../db/database.ts';
import type { Capture, PartResult, PastResult } from '../../model/capture.ts';
import type { PartPast } from '../../model/past.ts';
import type { PartPhase, PartRecord, CaptureRecord } from '../../model/record.ts';

const partStatus: Readonly<Record<PartPhase, PartResult['status']>> = {
  assigned: 'pending',
  armed: 'running',
  ended: 'uploading',
  uploaded: 'done',
  failed: 'failed',
  excluded: 'excluded',
  lost: 'no_answer',
};

/**
 * A capture as its owner sees it: everything that is known, nothing about how it is delivered. Its moments are those of the wall
 * clock, as it showed them then.
 */
export function captureView(
  record: CaptureRecord,
  parts: readonly PartRecord[],
  { toWall }: Pick<DatabaseClock, 'toWall'>,
): Capture {
  const { id, account_id, spec, status } = record;
  const optional = pickKnown(record, [
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
  ]);
  const moments = {
    submitted: toWall(record.submitted),
    ...(record.stop_requested === undefined ? {} : { stop_requested: toWall(record.stop_requested) }),
    ...(record.deadline === undefined ? {} : { deadline: toWall(record.deadline) }),
  };
  return { id, account_id, spec, status, ...moments, ...optional, parts: parts.map(partView) };
}

function partView(part: PartRecord): PartResult {
  const { sensor, colo } = part;
  const optional = pickKnown(part, [
    'packets',
    'bytes',
    'dropped',
    'dropped_is_upper_bound',
    'interface_dropped',
    'cut',
    'stop_reason',
    'error',
    'missing',
    'note',
    'sample_rate',
    'packets_estimated',
    'coverage',
    'covered',
    'samples_from',
    'samples_to',
  ]);
  const past = part.past === undefined ? {} : { past: pastView(part.past) };
  return { sensor, interface: part.interface, colo, status: partStatus[part.phase], ...optional, ...past };
}

/** A part's past, over all link types that its interface had. What failed has no figures. */
function pastView({ streams, covered, coverage, error }: PartPast): PastResult {
  const rates = streams.flatMap((stream) => stream.sample_rate ?? []);
  const sum = (of: (stream: PartPast['streams'][number]) => bigint): bigint =>
    streams.reduce((total, stream) => total + of(stream), 0n);
  const figures = {
    packets: sum((stream) => stream.packets),
    bytes: sum((stream) => stream.bytes),
    dropped: sum((stream) => stream.dropped),
    ...(streams.some((stream) => stream.dropped_is_upper_bound === true) ? { dropped_is_upper_bound: true } : {}),
    ...(rates.length === 0 ? {} : { sample_rate: Math.max(...rates) }),
    ...(streams.some((stream) => stream.truncated) ? { truncated: true } : {}),
  };
  return {
    ...(error === undefined ? figures : { error }),
    ...(covered === undefined ? {} : { covered }),
    ...(coverage === undefined ? {} : { coverage }),
  };
}

/** The named fields that have a value: not known = left out. */
function pickKnown<T extends object, Key extends keyof T>(
  from: T,
  keys: readonly Key[],
): { [K in Key]?: NonNullable<T[K]> } {
  const known: { [K in Key]?: NonNullable<T[K]> } = {};
  for (const key of keys) {
    const value = from[key];
    if (value !== undefined && value !== null) known[key] = value;
  }
  return known;
}
