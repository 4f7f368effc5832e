import type { CaptureRecord, PartRecord } from '../../model/record.ts';
import { limits } from '../../model/limits.ts';
import type { TimeNs } from '../../model/time.ts';
import { joinFilter } from '../../filter/join_filter.ts';
import type { Assignment } from '../../wire/bus_fields.ts';

const second = 1_000_000_000n;

/**
 * A sensor's desired work as the bus carries it: one assignment a capture, from its parts that are not in place yet. `now` is the
 * moment at which it is sent, by the clock of the captures' times.
 */
export function assignmentsOf(
  work: readonly { readonly capture: CaptureRecord; readonly part: PartRecord }[],
  now: TimeNs,
): readonly Assignment[] {
  // An interface that came while its capture ran has its own time to begin.
  const byCapture = Map.groupBy(work, ({ capture, part }) => `${capture.id} ${armFrom(capture, part)}`);
  return [...byCapture.values()].flatMap((rows) => {
    const [first] = rows;
    return first === undefined
      ? []
      : [
          assignment(
            first.capture,
            armFrom(first.capture, first.part),
            rows.map(({ part }) => part.interface),
            now,
          ),
        ];
  });
}

/** From when on a part has its time to begin. */
function armFrom(capture: CaptureRecord, part: PartRecord): TimeNs {
  return part.phase === 'assigned' ? (part.began_at ?? capture.submitted) : capture.submitted;
}

function assignment(capture: CaptureRecord, arm_from: TimeNs, interfaces: string[], now: TimeNs): Assignment {
  const { spec, scope, submitted } = capture;
  const filter = joinFilter({
    filter_v1: spec.filter_v1,
    expression: spec.filter_expression,
    networks: scope.networks,
  });
  const { deadline } = capture;
  const end = deadline ?? submitted + BigInt(spec.time_limit_s) * second;
  const arm_before = arm_from + BigInt(limits.arm_timeout_s) * second;
  const deliver_before = end + BigInt(limits.upload_expiry_s) * second;
  return {
    capture_id: capture.id,
    account: capture.account_id,
    interfaces,
    filter,
    snaplen_bytes: limits.full_snaplen_bytes,
    ...(spec.packet_limit === undefined ? {} : { packet_limit: spec.packet_limit }),
    ...(spec.type === 'full' && spec.byte_limit !== undefined ? { byte_limit: spec.byte_limit } : {}),
    time_limit_s: spec.time_limit_s,
    ...(deadline === undefined ? {} : { deadline }),
    arm_before,
    remaining: {
      arm_ns: arm_before - now,
      deliver_ns: deliver_before - now,
      ...(deadline === undefined ? {} : { capture_ns: deadline - now }),
    },
    ...(capture.stop_cause === undefined ? {} : { stop: capture.stop_cause }),
    ...(spec.type === 'full' && spec.lookback_s !== undefined ? { lookback: true } : {}),
    piece_bytes: capture.piece_bytes,
    deliver_before,
  };
}
