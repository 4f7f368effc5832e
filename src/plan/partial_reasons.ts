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
      ...missingTexts(part).map((text) => `${where}: ${text}`),
      ...pastReasons(part).map((text) => `${where}, before it began: ${text}`),
    ];
  });
  return state.record.stop_cause === 'shutdown' ? ['edgetap was shut down', ...reasons] : reasons;
}

function pastReasons({ past }: PartRecord): readonly string[] {
  return [past?.error, past?.missing].filter((text) => text !== undefined);
}

/** What is known to be missing, or may be, of what a part delivered. */
function missingTexts(part: PartRecord): readonly string[] {
  if (part.phase !== 'uploaded') return [];
  return [part.missing, lossText(part)].filter((text) => text !== undefined);
}

/** How many of the packets asked for were lost, for people; undefined where none were. */
function lossText({
  dropped = 0n,
  dropped_is_upper_bound,
}: Pick<PartRecord, 'dropped' | 'dropped_is_upper_bound'>): string | undefined {
  if (dropped === 0n) return undefined;
  const most = dropped_is_upper_bound === true ? 'at most ' : '';
  return `${most}${dropped} of the packets that match were lost before they could be written`;
}

function reasonOf(part: PartRecord, shutDown: boolean): string | undefined {
  if (part.phase === 'failed' || part.phase === 'lost') return part.error ?? 'nothing came from it';
  if (part.phase !== 'uploaded' || isWhole(part.stop_reason)) return undefined;
  if (part.stop_reason === 'shutdown' && shutDown) return undefined;
  return part.error ?? early[part.stop_reason ?? 'error'] ?? `ended early (${part.stop_reason})`;
}
