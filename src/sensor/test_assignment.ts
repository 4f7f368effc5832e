import type { TimeNs } from '../model/time.ts';
import type { Assignment } from '../wire/bus_fields.ts';

/** A minute's capture of everything on eth0, to be delivered within another from `now`. */
export function plainAssignment(capture_id: string, now: TimeNs, change: Partial<Assignment> = {}): Assignment {
  return {
    capture_id,
    interfaces: ['eth0'],
    filter: { expression_text: '', any_tags_text: '', own_tags_text: '' },
    snaplen_bytes: 262_144,
    time_limit_s: 60,
    arm_before: now + 30_000_000_000n,
    piece_bytes: 8_388_608,
    deliver_before: now + 60_000_000_000n,
    ...change,
  };
}
