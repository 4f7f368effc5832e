import type { Estimate, EstimateShare, Talker } from '../../model/estimate.ts';
import { formatTime } from '../../model/time.ts';
import type { EstimateResponse, EstimateSensor } from './estimate_response.ts';

/** An estimate as the API returns it. What is not known is left out; counts become numbers, times to limits seconds. */
export function estimateJson(estimate: Estimate): EstimateResponse {
  const { time_to_packet_limit_ns, time_to_byte_limit_ns, sample_rate, error_message } = estimate;
  return {
    type: estimate.type,
    time_limit: estimate.time_limit_s,
    observed_from: formatTime(estimate.observed_from),
    observed_to: formatTime(estimate.observed_to),
    ...counts(estimate),
    ...(time_to_packet_limit_ns === undefined ? {} : { time_to_packet_limit: secondsOf(time_to_packet_limit_ns) }),
    ...(time_to_byte_limit_ns === undefined ? {} : { time_to_byte_limit: secondsOf(time_to_byte_limit_ns) }),
    ...(sample_rate === undefined ? {} : { sample_rate }),
    ...(error_message === undefined ? {} : { error_message }),
    sensors: estimate.shares.map(sensorJson),
    talkers: estimate.talkers.map(talkerJson),
  };
}

function sensorJson(share: EstimateShare): EstimateSensor {
  const { dropped, sample_rate, coverage, error } = share;
  return {
    name: share.sensor,
    interface: share.interface,
    colo: share.colo,
    status: share.status,
    ...counts(share),
    ...(dropped === undefined ? {} : { dropped: Number(dropped) }),
    ...(sample_rate === undefined ? {} : { sample_rate }),
    ...(coverage === undefined ? {} : { coverage }),
    ...(error === undefined ? {} : { error }),
  };
}

function talkerJson({ source, destination, packets_estimated, bytes_estimated }: Talker) {
  return {
    source,
    destination,
    packets_estimated: Number(packets_estimated),
    bytes_estimated: Number(bytes_estimated),
  };
}

type Counted = Pick<Estimate, 'packets' | 'bytes' | 'packets_estimated' | 'bytes_estimated'>;

function counts({ packets, bytes, packets_estimated, bytes_estimated }: Counted) {
  return {
    ...(packets === undefined ? {} : { packets: Number(packets) }),
    ...(bytes === undefined ? {} : { bytes: Number(bytes) }),
    ...(packets_estimated === undefined ? {} : { packets_estimated: Number(packets_estimated) }),
    ...(bytes_estimated === undefined ? {} : { bytes_estimated: Number(bytes_estimated) }),
  };
}

/** To the microsecond: an estimate has no finer truth. */
function secondsOf(time_ns: bigint): number {
  return Number(time_ns / 1000n) / 1_000_000;
}
