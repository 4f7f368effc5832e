import { joinFilter } from '../../filter/join_filter.ts';
import type { SimpleSpec } from '../../model/capture.ts';
import type { CaptureRecord } from '../../model/record.ts';
import type { LookbackRequest } from '../../wire/control_messages.ts';
import { wireVersion } from '../../wire/version.ts';

/** What every sensor of a simple capture is asked. */
export function lookbackRequest(spec: SimpleSpec, { account_id, scope }: CaptureRecord): LookbackRequest {
  return {
    kind: 'lookback',
    version: wireVersion,
    account: account_id,
    filter: joinFilter({
      filter_v1: spec.filter_v1,
      expression: spec.filter_expression,
      networks: scope.networks,
      match_inner: spec.match_inner,
    }),
    from: spec.offset_time - BigInt(spec.time_limit_s) * 1_000_000_000n,
    to: spec.offset_time,
    packet_limit: spec.packet_limit,
  };
}
