import type { PartEnd } from '../capture/part.ts';
import { type Fault, fault } from '../model/errors/fault.ts';
import type { PartNews } from './outbox.ts';
import type { PartState } from './part_state.ts';

/**
 * A part's state as control is told it. `trouble` is what holds up its delivery at the moment, `armed_monotonic` when this process
 * armed it, if it did.
 */
export function newsOf(state: PartState, trouble: Fault | undefined, armed_monotonic?: bigint): PartNews {
  const phase = state.phase === 'arming' ? 'armed' : state.phase === 'delivered' ? 'ended' : state.phase;
  const { armed_at, clock_offset, linktype, packets, bytes, dropped, interface_dropped, stop_reason, unordered } =
    state;
  const { dropped_is_upper_bound, missing, note } = state;
  const why = both(state.fault, trouble);
  return {
    capture_id: state.assignment.capture_id,
    interface: state.interface,
    phase,
    ...(armed_at === undefined ? {} : { armed_at }),
    ...(armed_monotonic === undefined ? {} : { armed_monotonic }),
    ...(clock_offset === undefined ? {} : { clock_offset }),
    ...(linktype === undefined ? {} : { linktype }),
    ...(packets === undefined ? {} : { packets }),
    ...(bytes === undefined ? {} : { bytes }),
    ...(dropped === undefined ? {} : { dropped }),
    ...(dropped_is_upper_bound === undefined ? {} : { dropped_is_upper_bound }),
    ...(interface_dropped === undefined ? {} : { interface_dropped }),
    ...(stop_reason === undefined ? {} : { stop_reason }),
    ...(unordered === undefined ? {} : { unordered }),
    ...(why === undefined ? {} : { fault: why }),
    ...(missing === undefined ? {} : { missing }),
    ...(note === undefined ? {} : { note }),
  };
}

/** What a part's end changes in its state. */
export function endOf(end: PartEnd, interfaceName: string): Partial<PartState> {
  const { packets, bytes, dropped, unread, dropped_is_upper_bound, interface_dropped, stop_reason, unordered } = end;
  const [missing, note] = [textOf(end.missing), textOf(end.notes)];
  const removed = stop_reason === 'interface_removed';
  const why = end.error ?? (removed ? fault('interface_removed', { interface: interfaceName }) : undefined);
  return {
    packets,
    bytes,
    dropped: dropped + unread,
    stop_reason,
    unordered,
    ...(dropped_is_upper_bound === undefined ? {} : { dropped_is_upper_bound }),
    ...(interface_dropped === undefined ? {} : { interface_dropped }),
    ...(why === undefined ? {} : { fault: why }),
    ...(missing === undefined ? {} : { missing }),
    ...(note === undefined ? {} : { note }),
  };
}

/** Several remarks as the one text that the bus carries. */
function textOf(remarks: readonly string[] | undefined): string | undefined {
  return remarks === undefined || remarks.length === 0 ? undefined : remarks.join('; ').slice(0, 4096);
}

function both(own: Fault | undefined, trouble: Fault | undefined): PartNews['fault'] {
  const first = own ?? trouble;
  if (first === undefined) return undefined;
  const { name, code } = first;
  const message = own === undefined || trouble === undefined ? first.message : `${own.message} ${trouble.message}`;
  return { name, code, message: message.slice(0, 4096) };
}
