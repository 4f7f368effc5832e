import type { CaptureRecord, PartRecord } from '../model/record.ts';
import type { StopReason } from '../model/stop_reason.ts';
import type { CaptureState } from './capture_state.ts';
import { laterThanFirst } from './later_than_first.ts';

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
      ...missingTexts(part, state.record).map((text) => `${where}: ${text}`),
      ...pastReasons(part).map((text) => `${where}, before it began: ${text}`),
    ];
  });
  return state.record.stop_cause === 'shutdown' ? ['edgetap was shut down', ...reasons] : reasons;
}

function pastReasons({ past }: PartRecord): readonly string[] {
  return [past?.error, past?.missing].filter((text) => text !== undefined);
}

/** What is known to be missing, or may be, of what a part delivered. */
function missingTexts(part: PartRecord, record: CaptureRecord): readonly string[] {
  if (part.phase !== 'uploaded') return [];
  return [beginningText(part, record), part.missing, lossText(part), interfaceLossText(part)].filter(
    (text) => text !== undefined,
  );
}

/** The interfaces of a sensor arm together, within milliseconds; sensors within the time that control's word takes to each. So much later is not told. */
const together_ns = 500_000_000n;

/** That a part began after the first of its capture, or never. The past makes up for the one, and nothing for the other. */
function beginningText(part: PartRecord, record: CaptureRecord): string | undefined {
  const { armed_at: first, spec } = record;
  if (first === undefined) return undefined;
  if (part.armed_at === undefined) return 'it was stopped before it had begun, so nothing was captured there';
  const later = laterThanFirst(part, record);
  if (later <= together_ns || (spec.type === 'full' && spec.lookback_s !== undefined)) return undefined;
  return `it began ${(Number(later) / 1e9).toFixed(1)} s after the first: what came there before is missing`;
}

/** What the interface lost before anybody could look at it may have matched. */
function interfaceLossText({ interface_dropped = 0n }: PartRecord): string | undefined {
  return interface_dropped === 0n
    ? undefined
    : `the interface itself lost ${interface_dropped} packets, matching or not`;
}

/** How many of the packets asked for were lost, for people; undefined where none were. */
function lossText({
  dropped = 0n,
  dropped_is_upper_bound,
}: Pick<PartRecord, 'dropped' | 'dropped_is_upper_bound'>): string | undefined {
  if (dropped === 0n) return undefined;
  const most = dropped_is_upper_bound === true ? 'at most ' : '';
  return `${most}${dropped} of the packets that match were lost`;
}

function reasonOf(part: PartRecord, shutDown: boolean): string | undefined {
  if (part.phase === 'failed' || part.phase === 'lost') {
    const had = part.packets === undefined || part.packets === 0n ? '' : `; it had captured ${part.packets} packets`;
    return `${part.error ?? 'nothing came from it'}${had}`;
  }
  if (part.phase !== 'uploaded' || isWhole(part.stop_reason)) return undefined;
  if (part.stop_reason === 'shutdown' && shutDown) return undefined;
  return part.error ?? early[part.stop_reason ?? 'error'] ?? `ended early (${part.stop_reason})`;
}
