import { codes, decodeInstructions, type Program } from '../libpcap/program.ts';
import { openRecordFilter, type RecordFilter, type RecordMemory } from '../libpcap/record_filter.ts';
import { createInnerPackets, findInnerPackets } from '../pcap/inner_packets.ts';
import { recordHeaderBytes } from '../pcap/pcap_record.ts';
import { createPeek, peekPacket } from '../pcap/peek.ts';
import type { StreamFilter } from './scan_job.ts';

/** Moves the matching records among the whole ones in [start, end) of a record memory together at `start`; gives where they end. */
export type StreamMatcher = (start: number, end: number) => number;

/** Makes the matcher of one stream; `inner` is the filter of the IP packets inside, where these count too. */
export function streamMatcher(
  linktype: number,
  filter: StreamFilter,
  inner: Program | undefined,
  memory: RecordMemory,
): StreamMatcher {
  if (acceptsAll(filter.program)) return (_start, end) => end;
  const outer = openRecordFilter(filter.program, memory);
  if (inner === undefined || filter.scope === undefined) return (start, end) => outer.filter(start, end);
  const scope = acceptsAll(filter.scope) ? undefined : openRecordFilter(filter.scope, memory);
  return insideMatcher(linktype, { outer, scope, inner: openRecordFilter(inner, memory) }, memory);
}

function insideMatcher(
  linktype: number,
  filters: { readonly outer: RecordFilter; readonly scope: RecordFilter | undefined; readonly inner: RecordFilter },
  { bytes, view }: RecordMemory,
): StreamMatcher {
  const peek = createPeek();
  const inside = createInnerPackets();
  const matches = (offset: number, captured: number, original: number): boolean => {
    if (filters.outer.matches(offset, captured, original)) return true;
    peekPacket(linktype, view, offset, captured, peek);
    findInnerPackets(view, offset, captured, peek, inside);
    if (inside.count === 0 || filters.scope?.matches(offset, captured, original) === false) return false;
    for (let at = 0; at < inside.count; at += 1) {
      const before = (inside.offsets[at] ?? offset) - offset;
      if (filters.inner.matches(offset + before, captured - before, original - before)) return true;
    }
    return false;
  };
  return (start, end) => {
    let into = start;
    for (let at = start; at < end; ) {
      const captured = view.getUint32(at + 8, true);
      const next = at + recordHeaderBytes + captured;
      if (matches(at + recordHeaderBytes, captured, view.getUint32(at + 12, true))) {
        if (into !== at) bytes.copyWithin(into, at, next);
        into += next - at;
      }
      at = next;
    }
    return into;
  };
}

/** Does it let every packet through, as the filter of a query without one does? */
function acceptsAll(program: Program): boolean {
  const [first] = decodeInstructions(program.instructions.subarray(0, 8));
  return first !== undefined && first.code === codes.return_constant && first.k > 0;
}
