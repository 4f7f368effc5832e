import type { CaptureRecord, PartRecord } from '../../model/record.ts';
import { limits } from '../../model/limits.ts';
import { joinFilter } from '../../filter/join_filter.ts';
import type { Assignment } from '../../wire/bus_fields.ts';

const second = 1_000_000_000n;

/** A sensor's desired work as the bus carries it: one assignment a capture, from its parts that are not in place yet. */
export function assignmentsOf(
  work: readonly { readonly capture: CaptureRecord; readonly part: PartRecord }[],
): readonly Assignment[] {
  const byCapture = Map.groupBy(work, ({ capture }) => capture.id);
  return [...byCapture.values()].flatMap((rows) => {
    const [first] = rows;
    return first === undefined
      ? []
      : [
          assignment(
            first.capture,
            rows.map(({ part }) => part.interface),
          ),
        ];
  });
}

function assignment(capture: CaptureRecord, interfaces: string[]): Assignment {
  const { spec, scope, submitted } = capture;
  const filter = joinFilter({
    filter_v1: spec.filter_v1,
    expression: spec.filter_expression,
    networks: scope.networks,
  });
  const end = capture.deadline ?? submitted + BigInt(spec.time_limit_s) * second;
  return {
    capture_id: capture.id,
    interfaces,
    filter,
    snaplen_bytes: limits.full_snaplen_bytes,
    ...(spec.packet_limit === undefined ? {} : { packet_limit: spec.packet_limit }),
    ...(spec.type === 'full' && spec.byte_limit !== undefined ? { byte_limit: spec.byte_limit } : {}),
    time_limit_s: spec.time_limit_s,
    ...(capture.deadline === undefined ? {} : { deadline: capture.deadline }),
    arm_before: submitted + BigInt(limits.arm_timeout_s) * second,
    ...(capture.stop_cause === undefined ? {} : { stop: capture.stop_cause }),
    ...(spec.type === 'full' && spec.lookback_s !== undefined ? { lookback: true } : {}),
    piece_bytes: capture.piece_bytes,
    deliver_before: end + BigInt(limits.upload_expiry_s) * second,
  };
}
