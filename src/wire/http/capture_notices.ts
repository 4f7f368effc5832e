import type { Capture } from '../../model/capture.ts';
import { type Fault, fault } from '../../model/errors/fault.ts';
import { formatTime } from '../../model/time.ts';

/** What a capture's owner should know of it beside its status: an answer's `messages`. */
export function captureNotices(capture: Capture): readonly Fault[] {
  const notes = capture.parts.flatMap(({ sensor, interface: name, note }) =>
    note === undefined ? [] : [fault('part_note', { where: `${sensor}/${name}`, note })],
  );
  const cut = cutNotice(capture);
  return cut === undefined ? notes : [cut, ...notes];
}

/** That a look-back's limit has cut it, and how far back it reaches. */
function cutNotice({ spec, truncated, oldest_packet, packets_estimated }: Capture): Fault | undefined {
  if (spec.type !== 'simple' || truncated !== true || oldest_packet === undefined) return undefined;
  const matching = packets_estimated === undefined ? 'how many match is not known' : `about ${packets_estimated} match`;
  return fault('lookback_truncated', {
    limit: spec.packet_limit,
    oldest: formatTime(oldest_packet),
    back_s: (Number(spec.offset_time - oldest_packet) / 1e9).toFixed(3),
    asked_s: spec.time_limit_s,
    matching,
  });
}
