import type { PartRecord } from '../model/record.ts';
import type { StopReason } from '../model/stop_reason.ts';
import type { CaptureState } from './capture_state.ts';

const wholeReasons: ReadonlySet<string | undefined> = new Set([
  undefined,
  'time_limit',
  'packet_limit',
  'byte_limit',
  'stopped',
]);

/** Ends that come without a fault of their own. */
const early: Readonly<Record<string, string>> = {
  shutdown: 'its sensor was shut down',
};

/** Did a part end as it was meant to? */
export function isWhole(reason: StopReason | undefined): boolean {
  return wholeReasons.has(reason);
}

/** Why a delivered capture is `complete` and not `success`, for people; empty when it is whole. */
export function partialReasons(state: CaptureState): readonly string[] {
  const reasons = state.parts.flatMap((part) => {
    const reason = reasonOf(part, state.record.stop_cause === 'shutdown');
    const where = `${part.sensor}/${part.interface}`;
    return [
      ...(reason === undefined ? [] : [`${where}: ${reason}`]),
      ...(part.past?.error === undefined ? [] : [`${where}, before it began: ${part.past.error}`]),
    ];
  });
  return state.record.stop_cause === 'shutdown' ? ['edgetap was shut down', ...reasons] : reasons;
}

function reasonOf(part: PartRecord, shutDown: boolean): string | undefined {
  if (part.phase === 'failed' || part.phase === 'lost') return part.error ?? 'nothing came from it';
  if (part.phase !== 'uploaded' || isWhole(part.stop_reason)) return undefined;
  if (part.stop_reason === 'shutdown' && shutDown) return undefined;
  return part.error ?? early[part.stop_reason ?? 'error'] ?? `ended early (${part.stop_reason})`;
}
