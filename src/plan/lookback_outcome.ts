import { formatTime } from '../model/time.ts';
import type { LookbackShare } from './capture_event.ts';

/** How a look-back ends, and why it is not a success. */
export interface LookbackOutcome {
  readonly status: 'success' | 'complete' | 'failed';
  readonly error_message?: string;
}

/** A window of time, (from, to]. */
interface Asked {
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * How a look-back of a window ends with these answers and so many packets. `success`: all of the window. `complete`: packets of it are or
 * may be missing. `failed`: nothing of it is covered.
 */
export function lookbackOutcome(shares: readonly LookbackShare[], packets: bigint, asked: Asked): LookbackOutcome {
  const answered = shares.filter((share) => share.outcome === 'answered');
  const missing = shares.flatMap((share) => reasonOf(share) ?? []);
  // Not of the covered kind, so nothing of them is missing; but they are all that there is to say where nothing else is.
  const excluded = shares
    .filter((share) => share.outcome === 'excluded')
    .map((share) => `${whereOf(share)}: ${share.error ?? 'excluded'}`);
  if (answered.length === 0) {
    const reason = [...missing, ...excluded].join('; ');
    return { status: 'failed', error_message: reason === '' ? 'no sensor has samples for this account' : reason };
  }
  if (packets === 0n && answered.every((share) => share.covered === 'nothing')) {
    const window = `from ${formatTime(asked.from)} to ${formatTime(asked.to)}`;
    const reason = `no samples cover any of the time asked for, ${window}`;
    return { status: 'failed', error_message: [reason, ...missing].join('; ') };
  }
  if (missing.length === 0) return { status: 'success' };
  return { status: 'complete', error_message: missing.join('; ') };
}

/** What is or may be missing of one interface, where something is. */
function reasonOf(share: LookbackShare): string | undefined {
  const where = whereOf(share);
  switch (share.outcome) {
    case 'answered':
      return answeredReason(share, where);
    case 'no_answer':
    case 'failed':
      return `${where}: ${share.error ?? 'no answer'}`;
    case 'excluded':
      return undefined;
  }
}

function answeredReason({ missing, covered, dropped = 0n }: LookbackShare, where: string): string | undefined {
  if (missing !== undefined) return `${where}: ${missing}`;
  if (covered === 'part' || covered === 'nothing')
    return `${where}: its samples cover ${covered} of the time asked for`;
  return dropped === 0n ? undefined : `${where}: ${dropped} samples were lost, matching or not`;
}

function whereOf({ sensor, interface: name }: LookbackShare): string {
  return `${sensor}/${name}`;
}
