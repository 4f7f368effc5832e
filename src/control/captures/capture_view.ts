import type { Capture, PartResult } from '../../model/capture.ts';
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

/** A capture as its owner sees it: everything that is known, nothing about how it is delivered. */
export function captureView(record: CaptureRecord, parts: readonly PartRecord[]): Capture {
  const { id, account_id, spec, status, submitted } = record;
  const optional = pickKnown(record, [
    'stop_requested',
    'deadline',
    'packets_captured',
    'packets_dropped',
    'sample_rate',
    'packets_estimated',
    'error_message',
    'size_bytes',
  ]);
  return { id, account_id, spec, status, submitted, ...optional, parts: parts.map(partView) };
}

function partView(part: PartRecord): PartResult {
  const { sensor, colo } = part;
  const optional = pickKnown(part, [
    'packets',
    'bytes',
    'dropped',
    'interface_dropped',
    'cut',
    'stop_reason',
    'error',
    'sample_rate',
    'packets_estimated',
    'coverage',
  ]);
  return { sensor, interface: part.interface, colo, status: partStatus[part.phase], ...optional };
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
