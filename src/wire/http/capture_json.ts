import type { Capture, PartResult, PastResult } from '../../model/capture.ts';
import { formatTime } from '../../model/time.ts';
import type { CaptureResponse, SensorResult } from './capture_response.ts';

/**
 * A capture as the API returns it. What is not known is left out, never null or empty. Counts become numbers: exact up to
 * 2^53, which no capture reaches.
 */
export function captureJson(capture: Capture): CaptureResponse {
  const { spec, stop_requested, packets_captured, error_message, sample_rate } = capture;
  const head = { id: capture.id };
  const common = {
    system: spec.system,
    status: capture.status,
    submitted: formatTime(capture.submitted),
    time_limit: spec.time_limit_s,
    filter_v1: spec.filter_v1,
    ...(spec.filter_expression === undefined ? {} : { filter_expression: spec.filter_expression }),
    format: spec.format,
  };
  const ours = {
    ...known('packets_dropped', capture.packets_dropped),
    ...(capture.packets_dropped_is_upper_bound === true ? { packets_dropped_is_upper_bound: true } : {}),
    ...(capture.parts.length === 0 ? {} : { sensors: capture.parts.map(sensorJson) }),
  };
  if (spec.type === 'simple') {
    return {
      ...head,
      type: 'simple',
      ...common,
      packet_limit: spec.packet_limit,
      offset_time: formatTime(spec.offset_time),
      ...(spec.match_inner === undefined ? {} : { match_inner: spec.match_inner }),
      ...(sample_rate === undefined ? {} : { sample_rate }),
      ...known('packets_estimated', capture.packets_estimated),
      ...(capture.truncated === true ? { truncated: true } : {}),
      ...(capture.oldest_packet === undefined ? {} : { oldest_packet: formatTime(capture.oldest_packet) }),
      ...(error_message === undefined ? {} : { error_message }),
      ...ours,
    };
  }
  return {
    ...head,
    type: 'full',
    ...common,
    ...(spec.packet_limit === undefined ? {} : { packet_limit: spec.packet_limit }),
    colo_name: spec.colo_name,
    destination_conf: spec.destination_conf,
    ...(spec.byte_limit === undefined ? {} : { byte_limit: spec.byte_limit }),
    ...(spec.lookback_s === undefined ? {} : { lookback: spec.lookback_s }),
    ...known('packets_captured', packets_captured),
    ...known('packets_past', capture.packets_past),
    ...(stop_requested === undefined ? {} : { stop_requested: formatTime(stop_requested) }),
    ...(error_message === undefined ? {} : { error_message }),
    ...ours,
  };
}

function sensorJson(part: PartResult): SensorResult {
  const { stop_reason, error, missing, note, sample_rate, coverage, covered, samples_from, past } = part;
  return {
    name: part.sensor,
    interface: part.interface,
    colo: part.colo,
    status: part.status,
    ...known('packets', part.packets),
    ...known('bytes', part.bytes),
    ...known('dropped', part.dropped),
    ...(part.dropped_is_upper_bound === true ? { dropped_is_upper_bound: true } : {}),
    ...known('interface_dropped', part.interface_dropped),
    ...known('cut', part.cut),
    ...(stop_reason === undefined ? {} : { stop_reason }),
    ...(error === undefined ? {} : { error }),
    ...(missing === undefined ? {} : { missing }),
    ...(note === undefined ? {} : { note }),
    ...(sample_rate === undefined ? {} : { sample_rate }),
    ...known('packets_estimated', part.packets_estimated),
    ...(coverage === undefined ? {} : { coverage }),
    ...(covered === undefined ? {} : { covered }),
    ...(samples_from === undefined ? {} : { samples_from: formatTime(samples_from) }),
    ...(part.samples_to === undefined ? {} : { samples_to: formatTime(part.samples_to) }),
    ...(past === undefined ? {} : { past: pastJson(past) }),
  };
}

function pastJson({ packets, bytes, dropped, ...rest }: PastResult): NonNullable<SensorResult['past']> {
  return { ...known('packets', packets), ...known('bytes', bytes), ...known('dropped', dropped), ...rest };
}

function known<Name extends string>(name: Name, value: bigint | undefined): { [N in Name]?: number } {
  return value === undefined ? {} : ({ [name]: Number(value) } as { [N in Name]?: number });
}
